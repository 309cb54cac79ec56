"""Operators on boxes. Boxes are [N, 4]: x1, y1, x2, y2 in pixels, with width = x2 - x1."""

from __future__ import annotations

import torch
from torch import Tensor


@torch.library.register_fake("lanner::nms")
def _nms_fake(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    kept = torch.library.get_ctx().new_dynamic_size()
    return boxes.new_empty(kept, dtype=torch.long)


@torch.library.register_fake("lanner::batched_nms")
def _batched_nms_fake(
    boxes: Tensor, scores: Tensor, classes: Tensor, iou_threshold: float
) -> Tensor:
    return _nms_fake(boxes, scores, iou_threshold)


@torch.library.register_fake("lanner::soft_nms")
def _soft_nms_fake(
    boxes: Tensor,
    scores: Tensor,
    method: str = "linear",
    iou_threshold: float = 0.3,
    sigma: float = 0.5,
    min_score: float = 0.001,
) -> tuple[Tensor, Tensor]:
    kept = torch.library.get_ctx().new_dynamic_size()
    return boxes.new_empty(kept, dtype=torch.long), boxes.new_empty(kept)


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Greedy non-maximum suppression.

    boxes: [N, 4]; scores: [N]. Returns the int64 indices of the boxes that are kept, by descending
    score.
    """
    return torch.ops.lanner.nms(boxes, scores, iou_threshold)


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """Non-maximum suppression within each class. idxs: [N], the class of each box."""
    return torch.ops.lanner.batched_nms(boxes, scores, idxs, iou_threshold)


def soft_nms(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float = 0.3,
    sigma: float = 0.5,
    min_score: float = 1e-3,
    method: str = "linear",
) -> tuple[Tensor, Tensor]:
    """Soft-NMS (arXiv 1704.04503): lowers the scores of boxes that overlap a higher-scoring one.

    method: the factor of an overlapped score: "linear", 1 - IoU where IoU >= iou_threshold;
    "gaussian", exp(-IoU^2 / sigma); "naive", 0 where IoU >= iou_threshold.
    Returns the indices of the kept boxes in the order of selection, and their lowered scores.
    Boxes whose score falls below min_score are dropped.
    """
    return torch.ops.lanner.soft_nms(boxes, scores, method, iou_threshold, sigma, min_score)


def check_format(name: str, value: str) -> None:
    if value not in ("xyxy", "xywh", "cxcywh"):
        raise ValueError(f'{name}: expected one of xyxy, xywh, cxcywh, got "{value}"')


def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> Tensor:
    """Intersection over union of all pairs.

    boxes1: [..., N, 4]; boxes2: [..., M, 4]; fmt: as in box_convert. Returns [..., N, M].
    """
    if fmt != "xyxy":
        boxes1, boxes2 = box_convert(boxes1, fmt, "xyxy"), box_convert(boxes2, fmt, "xyxy")
    return torch.ops.lanner.box_iou(boxes1, boxes2)


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Generalized IoU of all pairs (arXiv 1902.09630), in -1..1. Shapes as in box_iou."""
    return torch.ops.lanner.generalized_box_iou(boxes1, boxes2)


def generalized_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """1 - generalized IoU of corresponding boxes. boxes1, boxes2: [..., 4].

    reduction: "none" (returns [...]), "mean" (0 if there are no boxes) or "sum".
    """
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f'reduction: expected "none", "mean" or "sum", got "{reduction}"')
    if boxes1.dtype != torch.float64:
        boxes1, boxes2 = boxes1.float(), boxes2.float()
    low1, low2, high1, high2 = boxes1[..., :2], boxes2[..., :2], boxes1[..., 2:], boxes2[..., 2:]
    overlap = (torch.min(high1, high2) - torch.max(low1, low2)).clamp(min=0)
    intersection = overlap[..., 0] * overlap[..., 1]
    union = box_area(boxes1) + box_area(boxes2) - intersection
    hull = torch.max(high1, high2) - torch.min(low1, low2)
    hull_area = hull[..., 0] * hull[..., 1]
    loss = 1 - (intersection / (union + eps) - (hull_area - union) / (hull_area + eps))
    if reduction == "mean":
        return loss.mean() if loss.numel() else 0.0 * loss.sum()
    return loss.sum() if reduction == "sum" else loss


def box_area(boxes: Tensor, fmt: str = "xyxy") -> Tensor:
    """Areas of boxes [..., 4]. fmt: as in box_convert. Returns [...]."""
    check_format("fmt", fmt)
    if boxes.is_floating_point():
        boxes = boxes if boxes.dtype == torch.float64 else boxes.float()
    else:
        boxes = boxes.long()
    if fmt != "xyxy":
        return boxes[..., 2] * boxes[..., 3]
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Converts boxes [..., 4] between the formats "xyxy", "xywh" and "cxcywh"."""
    check_format("in_fmt", in_fmt)
    check_format("out_fmt", out_fmt)
    if in_fmt == out_fmt:
        return boxes.clone()
    a, b, c, d = boxes.unbind(-1)
    if in_fmt == "xywh":
        a, b, c, d = a, b, a + c, b + d
    elif in_fmt == "cxcywh":
        a, b, c, d = a - 0.5 * c, b - 0.5 * d, a + 0.5 * c, b + 0.5 * d
    if out_fmt == "xywh":
        a, b, c, d = a, b, c - a, d - b
    elif out_fmt == "cxcywh":
        a, b, c, d = (a + c) / 2, (b + d) / 2, c - a, d - b
    return torch.stack((a, b, c, d), dim=-1)


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Clips boxes [..., 4] to an image of size (height, width)."""
    height, width = size
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return torch.stack((x, y), dim=-1).reshape(boxes.shape)


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """Returns the indices of boxes [..., 4] whose width and height are at least min_size.

    With several leading dimensions, the indices are those of the first, as in torchvision.
    """
    sides = boxes[..., 2:] - boxes[..., :2]
    return torch.where((sides >= min_size).all(dim=-1))[0]


class BoxCoder:
    """Box regression deltas of R-CNN (arXiv 1311.2524, appendix C), with torchvision's arithmetic.

    weights: factors of the deltas of x, y, width and height; 1, 1, 1, 1 for the RPN and
    10, 10, 5, 5 for the box head.
    """

    def __init__(self, weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)) -> None:
        self.weights = weights

    def encode(self, boxes: Tensor, references: Tensor) -> Tensor:
        """Returns the deltas, [N, 4], that transform references [N, 4] into boxes [N, 4]."""
        return torch.ops.lanner.encode_boxes(boxes, references, *self.weights)

    def decode(self, deltas: Tensor, references: Tensor) -> Tensor:
        """Applies deltas [N, 4 * C] to references [N, 4]. Returns boxes [N, C, 4].

        Width and height grow by a factor of at most 1000 / 16.
        """
        return torch.ops.lanner.decode_boxes(deltas, references, *self.weights)
