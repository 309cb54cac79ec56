"""Times one detector in float32, bfloat16 and int8: lanner's, OpenVINO's and ONNX Runtime's.

python benchmarks/int8.py WEIGHTS IMAGES OUT.json [--height 800] [--width 1088] [--rounds 7]
    [--count 100]

WEIGHTS is of a detector that can be exported; IMAGES a folder, on which both int8 forms are
calibrated: lanner's by `lanner quantize`, OpenVINO's by NNCF from the exported graph. Each runs in a
process of its own, all on the same noise image, whose size they are not to change; they take turns,
and the median of the rounds counts, after two calls that do not. Prints a table and writes it.
"""

import argparse
import json
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import numpy

PEERS = ("lanner float32", "lanner bfloat16", "lanner int8", "openvino float32", "openvino bfloat16",
         "openvino int8", "onnxruntime float32")  # fmt: skip


def noise(options):
    rng = numpy.random.default_rng(0)
    return rng.random((1, 3, options.height, options.width), dtype=numpy.float32)


def run_lanner(options, kind):
    import torch

    import lanner

    torch.set_num_threads(options.threads)
    lanner.enable_cpu_cache()  # as `lanner detect` does; the others have memory pools of their own
    detector = lanner.load(options.folder / "q.safetensors" if kind == "int8" else options.weights)
    image = torch.from_numpy(noise(options)[0])

    def run():
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == "bfloat16"):
            return len(detector(image)["boxes"])

    return run


def run_openvino(options, kind):
    import openvino

    core = openvino.Core()
    model = core.read_model(options.folder / ("int8.xml" if kind == "int8" else "detector.onnx"))
    hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": str(options.threads),
             "INFERENCE_PRECISION_HINT": "bf16" if kind == "bfloat16" else "f32"}  # fmt: skip
    compiled = core.compile_model(model, "CPU", hints)
    image = noise(options)
    return lambda: len(compiled([image])[0])


def run_onnxruntime(options, kind):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    session = onnxruntime.InferenceSession(options.folder / "detector.onnx", settings)
    image = noise(options)
    return lambda: len(session.run(None, {"image": image})[0])


def serve(options):
    library, kind = options.peer.split()
    run = globals()[f"run_{library}"](options, kind)
    for _ in sys.stdin:
        begin = time.perf_counter()
        found = run()
        print(json.dumps({"seconds": time.perf_counter() - begin, "found": found}), flush=True)


def resident_megabytes(process):
    lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:"))) / 1024


def prepare(options):
    """The int8 forms, and the graph, in options.folder."""
    import nncf
    import openvino
    from PIL import Image

    import lanner

    lanner.quantize(weights=options.weights, images=options.images, count=options.count,
                    out=options.folder / "q.safetensors")  # fmt: skip
    lanner.export_onnx(options.weights, options.folder / "detector.onnx")
    files = sorted(path for path in options.images.rglob("*") if path.suffix in (".jpg", ".png"))
    files = files[:: max(1, len(files) // options.count)][: options.count]
    mean, std = numpy.array([0.485, 0.456, 0.406]), numpy.array([0.229, 0.224, 0.225])

    def to_input(file):
        image = Image.open(file).convert("RGB").resize((options.width, options.height))
        pixels = (numpy.asarray(image) / 255 - mean) / std
        return pixels.astype(numpy.float32).transpose(2, 0, 1)[None]

    model = openvino.Core().read_model(options.folder / "detector.onnx")
    quantized = nncf.quantize(model, nncf.Dataset(files, to_input), subset_size=len(files))
    openvino.save_model(quantized, options.folder / "int8.xml")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=pathlib.Path)
    parser.add_argument("images", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--height", type=int, default=800)
    parser.add_argument("--width", type=int, default=1088)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=100, help="images to calibrate on")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=pathlib.Path, help="of the int8 forms; made where it is absent")
    options = parser.parse_args()
    if options.peer:
        return serve(options)
    options.folder = options.folder or pathlib.Path(tempfile.mkdtemp())
    if not (options.folder / "int8.xml").exists():
        options.folder.mkdir(parents=True, exist_ok=True)
        prepare(options)
    words = [sys.executable, __file__, *sys.argv[1:], "--folder", str(options.folder)]
    processes = {peer: subprocess.Popen([*words, "--peer", peer], stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE) for peer in PEERS}  # fmt: skip

    def turn(peer):
        processes[peer].stdin.write("\n")
        processes[peer].stdin.flush()
        return json.loads(processes[peer].stdout.readline())

    first = {peer: turn(peer)["seconds"] for peer in PEERS}
    for peer in PEERS:
        turn(peer)
    turns = [{peer: turn(peer)["seconds"] for peer in PEERS} for _ in range(options.rounds)]
    rows = []
    for peer in PEERS:
        seconds = [row[peer] for row in turns]
        rows.append({"peer": peer, "median": statistics.median(seconds), "least": min(seconds),
                     "most": max(seconds), "first": first[peer],
                     "megabytes": resident_megabytes(processes[peer])})  # fmt: skip
        processes[peer].stdin.close()
    for row in rows:
        print(f"{row['peer']:20} {row['median']:7.3f} s  ({row['least']:.3f} to {row['most']:.3f})  first "
              f"{row['first']:.3f}  {row['megabytes']:.0f} MB")  # fmt: skip
    result = {"machine": platform.processor() or platform.machine(), "threads": options.threads,
              "height": options.height, "width": options.width, "rows": rows}  # fmt: skip
    options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
