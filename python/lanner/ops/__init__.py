"""Detection operators with the names, arguments and results of torchvision.ops.

Each is also registered as a torch operator, torch.ops.lanner.NAME; see docs/operators.md. What
torchvision.ops has beside these, such as sigmoid_focal_loss, is torchvision's own where that is
installed.
"""

import torch

from lanner import _core

if torch.cuda.is_available() and _core.has_cuda():
    _core.load_cuda()

from lanner.ops.boxes import (
    BoxCoder,
    batched_nms,
    box_area,
    box_convert,
    box_iou,
    clip_boxes_to_image,
    generalized_box_iou,
    generalized_box_iou_loss,
    nms,
    remove_small_boxes,
    soft_nms,
)
from lanner.ops.deformable import (
    DeformConv2d,
    DeformPSRoIPool,
    DeformRoIPool,
    deform_conv2d,
    deform_ps_roi_pool,
    deform_roi_pool,
)
from lanner.ops.multi_scale import MultiScaleRoIAlign
from lanner.ops.pooling import (
    PSRoIAlign,
    PSRoIPool,
    RoIAlign,
    RoIPool,
    ps_roi_align,
    ps_roi_pool,
    roi_align,
    roi_pool,
)

__all__ = [
    "BoxCoder",
    "DeformConv2d",
    "DeformPSRoIPool",
    "DeformRoIPool",
    "MultiScaleRoIAlign",
    "PSRoIAlign",
    "PSRoIPool",
    "RoIAlign",
    "RoIPool",
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "clip_boxes_to_image",
    "deform_conv2d",
    "deform_ps_roi_pool",
    "deform_roi_pool",
    "generalized_box_iou",
    "generalized_box_iou_loss",
    "nms",
    "ps_roi_align",
    "ps_roi_pool",
    "remove_small_boxes",
    "roi_align",
    "roi_pool",
    "soft_nms",
]


def __getattr__(name: str):
    try:
        import torchvision.ops
    except ImportError:
        raise AttributeError(
            f"module 'lanner.ops' has no attribute '{name}'; torchvision, which may have it, is "
            "not installed"
        ) from None
    if not name.startswith("__") and hasattr(torchvision.ops, name):
        return getattr(torchvision.ops, name)
    raise AttributeError(f"module 'lanner.ops' has no attribute '{name}'")
