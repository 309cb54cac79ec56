"""One library and precision of `lanner bench detect`.

Prints the seconds until it was ready, then detects once for each line of standard input, and prints
the seconds that it took and the number of detections, all as JSON. Imports what the library needs
alone: its memory is measured.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import time
from typing import Callable

import numpy


def noise(options: argparse.Namespace) -> numpy.ndarray:
    rng = numpy.random.default_rng(0)
    return rng.random((1, 3, options.height, options.width), dtype=numpy.float32)


def run_lanner(options: argparse.Namespace, precision: str) -> Callable[[], int]:
    import lanner
    import torch

    torch.set_num_threads(options.threads)
    lanner.enable_cpu_cache()  # as `lanner detect` does; the others have memory pools of their own
    name = "int8.safetensors" if precision == "int8" else "detector.safetensors"
    size = {"min_size": min(options.height, options.width), "max_size": 2 * options.width + 2 * options.height}
    detector = lanner.load(options.folder / name, resize=size)
    image = torch.from_numpy(noise(options)[0])

    def run() -> int:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            return len(detector(image)["boxes"])

    return run


def run_torchvision(options: argparse.Namespace, precision: str) -> Callable[[], int]:
    import torch
    from torchvision.models.detection import FasterRCNN
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.ops import FrozenBatchNorm2d

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    backbone = resnet_fpn_backbone(
        backbone_name="resnet50", weights=None, norm_layer=FrozenBatchNorm2d
    )
    low, high = sorted((options.height, options.width))
    model = FasterRCNN(backbone, 91, min_size=low, max_size=high).eval()
    for name, buffer in model.named_buffers():
        if name.endswith("running_var"):
            buffer.fill_(4)  # keeps the features of random weights finite
    images = [torch.from_numpy(noise(options)[0])]

    def run() -> int:
        with torch.no_grad(), torch.autocast(
            "cpu", torch.bfloat16, enabled=precision == "bfloat16"
        ):
            return len(model(images)[0]["boxes"])

    return run


def run_openvino(options: argparse.Namespace, precision: str) -> Callable[[], int]:
    import openvino

    core = openvino.Core()
    model = core.read_model(options.folder / ("int8.xml" if precision == "int8" else "graph.onnx"))
    hints = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": str(options.threads),
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",
    }
    compiled = core.compile_model(model, "CPU", hints)
    image = noise(options)
    return lambda: len(compiled([image])[0])


def run_onnxruntime(options: argparse.Namespace, precision: str) -> Callable[[], int]:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    session = onnxruntime.InferenceSession(options.folder / "graph.onnx", settings)
    image = noise(options)
    return lambda: len(session.run(None, {"image": image})[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", choices=["lanner", "torchvision", "openvino", "onnxruntime"])
    parser.add_argument("precision", choices=["float32", "bfloat16", "int8"])
    parser.add_argument("folder", type=pathlib.Path)
    for name in ("threads", "height", "width"):
        parser.add_argument(name, type=int)
    options = parser.parse_args()
    begin = time.perf_counter()
    run = globals()[f"run_{options.library}"](options, options.precision)
    print(json.dumps({"seconds": time.perf_counter() - begin}), flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        found = run()
        print(json.dumps({"seconds": time.perf_counter() - begin, "found": found}), flush=True)


if __name__ == "__main__":
    main()
