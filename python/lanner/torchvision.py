"""Conversion of weights from and to torchvision."""

from __future__ import annotations

import json
import os
import re
from typing import Mapping, Sequence

from torch import Tensor

from lanner import _core
from lanner.detector import Detector, build

# The published weights of fasterrcnn_resnet50_fpn use names of an earlier torchvision.
_OLD_NAMES = (
    (re.compile(r"^rpn\.head\.conv\.(weight|bias)$"), r"rpn.head.conv.0.0.\1"),
    (
        re.compile(r"^backbone\.fpn\.(inner|layer)_blocks\.(\d+)\.(weight|bias)$"),
        r"backbone.fpn.\1_blocks.\2.0.\3",
    ),
)


def resnet_state_dict(weights: str | os.PathLike) -> dict[str, Tensor]:
    """Reads the ResNet from weights of `lanner pretrain` or `train`, under torchvision's names.

    Load it with `torchvision.models.resnet18().load_state_dict(.., strict=False)`: the classifier
    and stages that were not trained are absent. Pretraining uses layer norm by default; build the
    torchvision model with `norm_layer=lambda channels: torch.nn.GroupNorm(1, channels)` then.
    Raises FileNotFoundError, and ValueError if the file holds no ResNet.
    """
    return _core.resnet_state(os.fspath(weights))


def _class_names(classes: Sequence[str] | None, count: int) -> list[str]:
    if classes is None:
        return [str(i + 1) for i in range(count)]
    names = list(classes)
    if len(names) == count + 1 and names[0] == "__background__":
        del names[0]
    if len(names) != count:
        raise ValueError(f"classes: expected {count} names, got {len(classes)}")
    # What COCO has numbers for, but no images of.
    return [f"N/A {i + 1}" if name == "N/A" else name for i, name in enumerate(names)]


def from_torchvision(
    architecture: str,
    state_dict: Mapping[str, Tensor],
    *,
    classes: Sequence[str] | None = None,
    norm_eps: float | None = None,
    **options,
) -> Detector:
    """Builds a detector with the weights of a torchvision Faster R-CNN.

    architecture: "fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2", or the former with
        another ResNet in its name (resnet18, resnext50_32x4d, wide_resnet101_2, ..).
    classes: names, such as `weights.meta["categories"]` of torchvision's, whose background is left
        out and whose "N/A" are numbered; their number is read from the weights.
    norm_eps: epsilon of the backbone's batch norm. The default is 1e-5, and 0 for the published
        weights of fasterrcnn_resnet50_fpn (recognized by their old names), as in torchvision.
    options: as in `lanner.build`, for models whose options are not torchvision's defaults. Images
        are resized as torchvision does it (`resize={"interpolation": "torchvision"}`), which its
        weights require for the same detections, unless options say otherwise.
    Raises ValueError listing every missing, unexpected and misshapen tensor.
    """
    match = re.fullmatch(r"fasterrcnn_((?:wide_)?resne[tx].*)_fpn(_v2)?", architecture)
    if not match:
        raise ValueError(
            "architecture: expected fasterrcnn_resnet50_fpn, another ResNet's name in it, or "
            f'fasterrcnn_resnet50_fpn_v2, got "{architecture}"'
        )
    state, has_old_names = {}, False
    for name, tensor in state_dict.items():
        current = name
        for pattern, replacement in _OLD_NAMES:
            current = pattern.sub(replacement, current)
        has_old_names |= current != name
        state[current] = tensor
    score = state.get("roi_heads.box_predictor.cls_score.bias")
    if score is None:
        raise ValueError(
            "state_dict: roi_heads.box_predictor.cls_score.bias: missing: "
            "these are not weights of a Faster R-CNN"
        )
    count = len(score) - 1
    names = _class_names(classes, count)
    resnet = json.loads(_core.preset("faster_rcnn_resnet50_fpn", f"{match[1]}-fpn"))["backbone"]
    batch_norm = any(name.endswith("num_batches_tracked") for name in state)
    backbone = {
        **{name: resnet[name] for name in ("depth", "groups", "group_width")},
        "norm": "batch" if batch_norm else "frozen_batch",
        "norm_eps": norm_eps if norm_eps is not None else (0.0 if has_old_names else 1e-5),
        "fpn_norm": bool(match[2]),
    }
    options["resize"] = {"interpolation": "torchvision", **options.get("resize", {})}
    if match[2]:
        options["rpn"] = {"conv_depth": 2, **options.get("rpn", {})}
        options["roi"] = {"head_convs": 4, **options.get("roi", {})}
    detector = build(classes=names, backbone=backbone, **options)
    detector.load_state_dict(state)
    return detector
