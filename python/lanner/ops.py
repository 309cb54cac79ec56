"""lanner's operators under torchvision.ops' names, with its arguments and results."""

from __future__ import annotations

from typing import Sequence

import torch
from torch import Tensor

from lanner import _core

if torch.cuda.is_available() and _core.has_cuda():
    _core.load_cuda()

__all__ = ["batched_nms", "nms", "ps_roi_align", "ps_roi_pool", "roi_align", "roi_pool"]


@torch.library.register_fake("lanner::nms")
def _nms_fake(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    kept = torch.library.get_ctx().new_dynamic_size()
    return boxes.new_empty(kept, dtype=torch.long)


@torch.library.register_fake("lanner::batched_nms")
def _batched_nms_fake(
    boxes: Tensor, scores: Tensor, classes: Tensor, iou_threshold: float
) -> Tensor:
    return _nms_fake(boxes, scores, iou_threshold)


def _as_rois(boxes: Tensor | Sequence[Tensor]) -> Tensor:
    """[K, 5] as it is, or a list of [Ki, 4], one an image, with the batch index put first."""
    if isinstance(boxes, Tensor):
        return boxes
    for i, box in enumerate(boxes):
        if box.dim() != 2 or box.size(1) != 4:
            raise ValueError(f"boxes[{i}]: expected [K, 4], got {list(box.shape)}")
    index = [torch.full_like(box[:, :1], i) for i, box in enumerate(boxes)]
    return torch.cat([torch.cat(index), torch.cat(list(boxes))], dim=1)


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Greedy non-maximum suppression.

    boxes: [N, 4]: x1, y1, x2, y2; scores: [N]. Returns the indices that are kept, int64, by
    descending score.
    """
    return torch.ops.lanner.nms(boxes, scores, iou_threshold)


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """nms within each class. idxs: [N], the class of each box."""
    return torch.ops.lanner.batched_nms(boxes, scores, idxs, iou_threshold)


def roi_align(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """RoIAlign (arXiv 1703.06870, section 3).

    input: [N, C, H, W]; boxes: [K, 5] (batch index, x1, y1, x2, y2) or a list of [Ki, 4].
    Returns [K, C, height, width]. Differentiable with respect to input.
    """
    height, width = _pair(output_size)
    return torch.ops.lanner.roi_align(
        input, _as_rois(boxes), spatial_scale, height, width, sampling_ratio, aligned
    )


def roi_pool(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
) -> Tensor:
    """RoI max pooling (Fast R-CNN, arXiv 1504.08083, section 2.1); arguments as for roi_align."""
    height, width = _pair(output_size)
    return torch.ops.lanner.roi_pool(input, _as_rois(boxes), spatial_scale, height, width)[0]


def ps_roi_pool(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    *,
    original: bool = False,
) -> Tensor:
    """Position-sensitive RoI pooling (R-FCN, arXiv 1605.06409, section 2).

    input: [N, C * height * width, H, W]; boxes as for roi_align. Returns [K, C, height, width].
    original: the rule of the paper's own code; else torchvision's, which never reads the last row
    and column of input. Differentiable with respect to input, by the true gradient of either.
    """
    height, width = _pair(output_size)
    return torch.ops.lanner.ps_roi_pool(
        input, _as_rois(boxes), spatial_scale, height, width, original
    )


def ps_roi_align(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
) -> Tensor:
    """Position-sensitive RoIAlign (arXiv 1711.07264): shapes as ps_roi_pool, samples as roi_align."""
    height, width = _pair(output_size)
    return torch.ops.lanner.ps_roi_align(
        input, _as_rois(boxes), spatial_scale, height, width, sampling_ratio
    )
