"""torchvision's detectors: its weights, by name."""

from __future__ import annotations

import json
import os
import re
from typing import Mapping, Sequence

from torch import Tensor

from lanner import _core
from lanner.detector import Detector, build

# The published file of fasterrcnn_resnet50_fpn holds the names of an earlier torchvision.
_OLD_NAMES = (
    (re.compile(r"^rpn\.head\.conv\.(weight|bias)$"), r"rpn.head.conv.0.0.\1"),
    (
        re.compile(r"^backbone\.fpn\.(inner|layer)_blocks\.(\d+)\.(weight|bias)$"),
        r"backbone.fpn.\1_blocks.\2.0.\3",
    ),
)


def resnet_state_dict(weights: str | os.PathLike) -> dict[str, Tensor]:
    """A ResNet's tensors under torchvision's names, of what `lanner pretrain` or `train` wrote.

    For `torchvision.models.resnet18().load_state_dict(.., strict=False)`, without the classifier and
    the stages that were not trained. After pretraining with the layer norm that is its default, build
    that model with `norm_layer=lambda channels: torch.nn.GroupNorm(1, channels)`.
    Raises FileNotFoundError, and ValueError where there is no ResNet in the file.
    """
    return _core.resnet_state(os.fspath(weights))


def from_torchvision(
    architecture: str,
    state_dict: Mapping[str, Tensor],
    *,
    classes: Sequence[str] | None = None,
    norm_eps: float | None = None,
    **options,
) -> Detector:
    """A detector with the weights of a Faster R-CNN of torchvision's.

    architecture: "fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2", or the former with another
    of its ResNets (resnet18, resnext50_32x4d, wide_resnet101_2, ..). The number of classes is read from the weights; classes are their names,
    without background. norm_eps: of the backbone's batch norm; by default 0 for the published
    fasterrcnn_resnet50_fpn, as torchvision has it, which is known by its old names, else 1e-5.
    options: as for `lanner.build`, where the model was made with others than torchvision's.
    Raises ValueError with every tensor that is missing, unexpected or misshapen.
    """
    known = re.fullmatch(r"fasterrcnn_((?:wide_)?resne[tx].*)_fpn(_v2)?", architecture)
    if not known:
        raise ValueError(
            "architecture: expected fasterrcnn_resnet50_fpn, another ResNet's name in it, or "
            f'fasterrcnn_resnet50_fpn_v2, got "{architecture}"'
        )
    state, old = {}, False
    for name, tensor in state_dict.items():
        now = name
        for pattern, replacement in _OLD_NAMES:
            now = pattern.sub(replacement, now)
        old |= now != name
        state[now] = tensor
    score = state.get("roi_heads.box_predictor.cls_score.bias")
    if score is None:
        raise ValueError(
            "state_dict: roi_heads.box_predictor.cls_score.bias: missing: "
            "these are not a Faster R-CNN's weights"
        )
    count = len(score) - 1
    if classes is not None and len(classes) != count:
        raise ValueError(f"classes: expected {count} names, got {len(classes)}")
    kind = json.loads(_core.preset("faster_rcnn_resnet50_fpn", f"{known[1]}-fpn"))["backbone"]
    batch_norm = any(name.endswith("num_batches_tracked") for name in state)
    backbone = {
        **{name: kind[name] for name in ("depth", "groups", "group_width")},
        "norm": "batch" if batch_norm else "frozen_batch",
        "norm_eps": norm_eps if norm_eps is not None else (0.0 if old else 1e-5),
        "fpn_norm": bool(known[2]),
    }
    if known[2]:
        options["rpn"] = {"conv_depth": 2, **options.get("rpn", {})}
        options["roi"] = {"head_convs": 4, **options.get("roi", {})}
    names = list(classes) if classes is not None else [str(i + 1) for i in range(count)]
    detector = build(classes=names, backbone=backbone, **options)
    detector.load_state_dict(state)
    return detector
