"""Times detection on a CPU by lanner, torchvision, OpenVINO and ONNX Runtime, where installed.

    python -m lanner.bench detect [--weights W] [--images DIR] [--height H] [--width W] ..

All run the same network on the same noise image, whose size they do not change, but for torchvision,
whose network is of the same kind and size with frozen batch norms, as trained weights have. Without
--weights it is Faster R-CNN ResNet-50-FPN with random weights. int8 forms are calibrated on --images,
or on noise: lanner's by lanner.quantize, OpenVINO's by NNCF from the exported graph. Each library and
precision has a process of its own; they take turns, and after two calls that do not count the medians
of the rounds are shown. `load` is the time until the library is imported and the network ready, `first`
the first call, `MB` the resident memory at the end.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy
import torch

import lanner

PEERS = (
    "lanner float32",
    "lanner bfloat16",
    "lanner int8",
    "torchvision float32",
    "torchvision bfloat16",
    "openvino float32",
    "openvino bfloat16",
    "openvino int8",
    "onnxruntime float32",
)
PACKAGES = {"openvino": ["openvino", "onnx"], "onnxruntime": ["onnxruntime", "onnx"]}
TIMES = ("ms", "least_ms", "most_ms", "load_ms", "first_ms")
CALIBRATION_IMAGES = 30


def missing_packages(peer: str) -> list[str]:
    library, precision = peer.split()
    names = PACKAGES.get(library, [library]) + (["nncf"] if peer == "openvino int8" else [])
    return [name for name in names if importlib.util.find_spec(name) is None]


def calibration_files(options: argparse.Namespace) -> list[pathlib.Path]:
    if not options.images:
        from PIL import Image

        options.images = options.folder / "noise"
        options.images.mkdir()
        rng = numpy.random.default_rng(1)
        for i in range(3):
            pixels = rng.integers(0, 256, (options.height, options.width, 3), dtype=numpy.uint8)
            Image.fromarray(pixels).save(options.images / f"{i}.png")
    kinds = (".jpg", ".jpeg", ".png")
    files = sorted(path for path in options.images.rglob("*") if path.suffix.lower() in kinds)
    return files[:: max(1, len(files) // CALIBRATION_IMAGES)][:CALIBRATION_IMAGES]


def quantize_by_nncf(options: argparse.Namespace, files: list[pathlib.Path]) -> None:
    import nncf
    import openvino
    from PIL import Image

    mean, std = numpy.array([0.485, 0.456, 0.406]), numpy.array([0.229, 0.224, 0.225])

    def to_input(file: pathlib.Path) -> numpy.ndarray:
        image = Image.open(file).convert("RGB").resize((options.width, options.height))
        pixels = (numpy.asarray(image) / 255 - mean) / std
        return pixels.astype(numpy.float32).transpose(2, 0, 1)[None]

    model = openvino.Core().read_model(options.folder / "graph.onnx")
    quantized = nncf.quantize(model, nncf.Dataset(files, to_input), subset_size=len(files))
    openvino.save_model(quantized, options.folder / "int8.xml")


def prepare(options: argparse.Namespace, peers: list[str]) -> None:
    """The weights and graphs of all peers, in options.folder."""
    weights = options.folder / "detector.safetensors"
    if options.weights:
        lanner.load(options.weights).save(weights)
    else:
        torch.manual_seed(0)
        detector = lanner.build(
            num_classes=90, preset="faster_rcnn_resnet50_fpn", backbone={"norm": "frozen_batch"}
        )
        for name, buffer in detector.named_buffers():
            if name.endswith("running_var"):
                buffer.fill_(4)
        detector.save(weights)
    files = calibration_files(options)
    lanner.quantize(
        weights=weights, images=options.images, count=CALIBRATION_IMAGES, out=options.folder / "int8.safetensors"
    )
    if any(peer.startswith(("openvino", "onnxruntime")) for peer in peers):
        lanner.export_onnx(weights, options.folder / "graph.onnx")
    if "openvino int8" in peers:
        quantize_by_nncf(options, files)


def resident_megabytes(process: subprocess.Popen) -> float:
    lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:"))) / 1024


def next_seconds(process: subprocess.Popen) -> float:
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"bench: {' '.join(process.args[2:4])} has ended")
    return json.loads(line)["seconds"]


def turn(process: subprocess.Popen) -> float:
    process.stdin.write("\n")
    process.stdin.flush()
    return next_seconds(process)


def compare(options: argparse.Namespace, peers: list[str]) -> list[dict]:
    program = pathlib.Path(__file__).parent / "peers/detect.py"
    sizes = [str(number) for number in (options.threads, options.height, options.width)]
    processes, load = {}, {}
    try:
        for peer in peers:  # one after another: none is timed while others load
            processes[peer] = subprocess.Popen(
                [sys.executable, program, *peer.split(), options.folder, *sizes],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            load[peer] = next_seconds(processes[peer])
        first = {peer: turn(process) for peer, process in processes.items()}
        for process in processes.values():
            turn(process)
        rounds = [{peer: turn(p) for peer, p in processes.items()} for _ in range(options.runs)]
        rows = []
        for peer, process in processes.items():
            seconds = [times[peer] for times in rounds]
            lanner_name = "lanner " + peer.split()[1]
            row = {
                "name": peer,
                "ms": 1e3 * statistics.median(seconds),
                "least_ms": 1e3 * min(seconds),
                "most_ms": 1e3 * max(seconds),
                "load_ms": 1e3 * load[peer],
                "first_ms": 1e3 * first[peer],
                "megabytes": resident_megabytes(process),
            }
            if not peer.startswith("lanner"):
                row["ratio"] = statistics.median(t[peer] / t[lanner_name] for t in rounds)
            rows.append(row)
        return rows
    finally:
        for process in processes.values():
            process.kill()


def bench_detect(options: argparse.Namespace) -> dict:
    peers = []
    notes = []
    for peer in PEERS:
        missing = missing_packages(peer)
        if missing:
            notes.append(f"{peer}: not installed: {', '.join(missing)}")
        else:
            peers.append(peer)
    capability = torch.backends.cpu.get_cpu_capability()
    print(f"{options.threads} threads, {capability}; {options.height} x {options.width}")
    print(*notes, sep="\n", end="\n" if notes else "")
    with tempfile.TemporaryDirectory() as folder:
        options.folder = pathlib.Path(folder)
        prepare(options, peers)
        rows = compare(options, peers)
    print(f"{'':22} {'ms':>8} {'least':>8} {'most':>8} {'load':>8} {'first':>8} {'MB':>6}  / lanner's")
    for row in rows:
        ratio = f"{row['ratio']:10.2f}x" if "ratio" in row else ""
        times = " ".join(f"{row[key]:8.1f}" for key in TIMES)
        print(f"{row['name']:22} {times} {row['megabytes']:6.0f} {ratio}")
    return {"threads": options.threads, "cpu_capability": capability,
            "height": options.height, "width": options.width, "rows": rows}  # fmt: skip
