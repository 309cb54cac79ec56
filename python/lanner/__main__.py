"""Converts weights from and to torchvision, and to ONNX:

python -m lanner convert IN.pth OUT.safetensors --architecture NAME [--classes FILE]
python -m lanner export RUN/best.safetensors OUT.onnx [--preprocess]
python -m lanner export RUN/best.safetensors OUT.pth
"""

from __future__ import annotations

import argparse
import pathlib
import re
import sys

import torch

from lanner import _core
from lanner.torchvision import from_torchvision, resnet_state_dict


def convert(arguments: argparse.Namespace) -> None:
    state = torch.load(arguments.input, map_location="cpu", weights_only=True)
    if isinstance(state, dict) and isinstance(state.get("model"), dict):
        state = state["model"]  # a checkpoint of torchvision's reference scripts
    if not isinstance(state, dict):
        raise ValueError(f"expected a state_dict, got {type(state).__name__}")
    classes = arguments.classes and arguments.classes.read_text().splitlines()
    resnet = re.fullmatch(r"resnet(18|34|50|101|152)", arguments.architecture)
    if resnet and (arguments.classes or arguments.norm_eps is not None):
        raise ValueError("--classes, --norm-eps: apply to detectors, not to a backbone")
    if resnet:
        _core.save_resnet(str(arguments.output), int(resnet[1]), state)
        print(f"{arguments.output}: {arguments.architecture}, for lanner train --init")
        return
    detector = from_torchvision(
        arguments.architecture, state, classes=classes, norm_eps=arguments.norm_eps
    )
    detector.save(arguments.output)
    print(f"{arguments.output}: {arguments.architecture}, {len(detector.classes)} classes")


def export(arguments: argparse.Namespace) -> None:
    if arguments.output.suffix == ".onnx":
        export_onnx(arguments)
        return
    if arguments.preprocess:
        raise ValueError("--preprocess: applies to .onnx files")
    state = resnet_state_dict(arguments.input)
    torch.save(state, arguments.output)
    print(f"{arguments.output}: {len(state)} tensors of a ResNet, torchvision's names")


def export_onnx(arguments: argparse.Namespace) -> None:
    try:
        from lanner.onnx_export import export_onnx as write
    except ImportError:
        raise ValueError("exporting to ONNX requires `pip install onnx`") from None
    write(arguments.input, arguments.output, preprocess=arguments.preprocess)
    size = arguments.output.stat().st_size / 1e6
    print(f"{arguments.output}: {size:.1f} MB, opset 17, inputs and outputs as in docs/export.md")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m lanner",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("convert", help="convert torchvision's weights to lanner's")
    command.add_argument("input", type=pathlib.Path, help=".pth file with a state_dict")
    command.add_argument("output", type=pathlib.Path, help=".safetensors file to write")
    command.add_argument(
        "--architecture",
        required=True,
        help="a detector such as fasterrcnn_resnet50_fpn, or a backbone such as resnet50",
    )
    command.add_argument("--classes", type=pathlib.Path, help="file of class names, one per line")
    command.add_argument("--norm-eps", type=float, help="epsilon of the backbone's batch norm")
    command.set_defaults(run=convert)
    command = commands.add_parser("export", help="write ONNX, or torchvision's names")
    command.add_argument(
        "input", type=pathlib.Path, help=".safetensors file of lanner train or pretrain"
    )
    command.add_argument(
        "output",
        type=pathlib.Path,
        help=".onnx: the whole detector; .pth: the backbone under torchvision's names",
    )
    command.add_argument(
        "--preprocess", action="store_true", help="resize and normalize within the ONNX graph"
    )
    command.set_defaults(run=export)
    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
    except FileNotFoundError as error:
        print(f"error: {error.filename or error}: no such file", file=sys.stderr)
        return 66
    except Exception as error:  # the errors of torch.load share no base class
        print(f"error: {arguments.input}: {error}", file=sys.stderr)
        return 65
    return 0


if __name__ == "__main__":
    sys.exit(main())
