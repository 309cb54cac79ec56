"""lanner: two-stage object detection in C++ on LibTorch, for Python.

    detector = lanner.load("best.safetensors")
    found = detector("photo.jpg")            # {"boxes", "labels", "scores"}: torch tensors

    detector = lanner.build(preset="small", num_classes=3)
    losses = detector.train()(images, targets)   # the same interface as torchvision's detectors
    sum(losses.values()).backward()
"""

import torch  # loads LibTorch, which _core links to

from lanner._built_for import TORCH

if torch.__version__.split("+")[0] != TORCH:  # _core would not load, and say so less plainly
    raise ImportError(f"lanner was built for torch {TORCH}, this is torch {torch.__version__}")

from lanner import ops
from lanner.detector import Detector, build, enable_cpu_cache, load
from lanner.jobs import (
    check_data,
    convert_data,
    detect,
    evaluate,
    pretrain,
    quantize,
    select,
    synth,
    train,
    tune,
)
from lanner.torchvision import from_torchvision, resnet_state_dict

__all__ = [
    "Detector",
    "build",
    "check_data",
    "convert_data",
    "detect",
    "enable_cpu_cache",
    "evaluate",
    "export_onnx",
    "from_torchvision",
    "load",
    "ops",
    "pretrain",
    "quantize",
    "resnet_state_dict",
    "select",
    "synth",
    "train",
    "tune",
]
__version__ = "0.2.0"


def __getattr__(name: str):
    if name == "export_onnx":  # requires the package onnx
        from lanner.onnx_export import export_onnx

        return export_onnx
    raise AttributeError(f"module 'lanner' has no attribute '{name}'")
