"""RoI pooling.

RoIs are [K, 5] (batch index, x1, y1, x2, y2 in image pixels), or per image [Ki, 4] in a list.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, List, Sequence, Tuple, TypeVar, Union

import torch
import torch.fx
from torch import Tensor, nn

# A size is one number or two. torch.jit.script knows that by this name alone.
if TYPE_CHECKING:
    T = TypeVar("T")
    BroadcastingList2 = Union[T, Sequence[T]]
else:
    from torch.jit.annotations import BroadcastingList2

Boxes = Union[Tensor, List[Tensor]]
Size = Union[int, Sequence[int]]


def as_rois(boxes: Boxes) -> Tensor:
    """Converts a list of boxes [Ki, 4], one tensor per image, to RoIs [K, 5]; keeps a tensor."""
    if isinstance(boxes, Tensor):
        if boxes.dim() != 2 or boxes.size(1) != 5:
            raise AssertionError(f"boxes: expected [K, 5], got {boxes.shape}")
        return boxes
    if len(boxes) == 0:
        raise ValueError("boxes: expected one tensor per image, got an empty list")
    rois: List[Tensor] = []
    for i, box in enumerate(boxes):
        if box.dim() != 2 or box.size(1) != 4:
            raise AssertionError(f"boxes[{i}]: expected [K, 4], got {box.shape}")
        rois.append(torch.cat([torch.full_like(box[:, :1], i), box], dim=1))
    return torch.cat(rois)


def integer(value: int) -> int:
    """A Python int for whatever stands for one, such as a NumPy integer; keeps symbolic ones."""
    return value if isinstance(value, torch.SymInt) else operator.index(value)


def pair(size: Size) -> Tuple[int, int]:
    """Height and width, from one number or two."""
    if hasattr(size, "__len__"):
        return integer(size[0]), integer(size[1])
    return integer(size), integer(size)


@torch.fx.wrap
def roi_align(
    input: Tensor,
    boxes: Boxes,
    output_size: BroadcastingList2[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """RoIAlign (arXiv 1703.06870, section 3).

    input: [N, C, H, W].
    boxes: [K, 5] (batch index, x1, y1, x2, y2 in image pixels), or per image [Ki, 4] in a list.
    spatial_scale: size of the feature map relative to the image.
    sampling_ratio: samples per bin and axis; 0 or less: by the RoI's size.
    aligned: shift the boxes by half a pixel, so that they are aligned with pixel centers.
    Returns [K, C, height, width]. Differentiable with respect to input.
    """
    if not torch.jit.is_scripting():
        output_size, sampling_ratio = pair(output_size), integer(sampling_ratio)
    height, width = output_size[0], output_size[1]
    return torch.ops.lanner.roi_align(
        input, as_rois(boxes), spatial_scale, height, width, sampling_ratio, aligned
    )


@torch.fx.wrap
def roi_pool(
    input: Tensor, boxes: Boxes, output_size: BroadcastingList2[int], spatial_scale: float = 1.0
) -> Tensor:
    """RoI max pooling (Fast R-CNN, arXiv 1504.08083, section 2.1). Arguments as in roi_align."""
    if not torch.jit.is_scripting():
        output_size = pair(output_size)
    height, width = output_size[0], output_size[1]
    return torch.ops.lanner.roi_pool(input, as_rois(boxes), spatial_scale, height, width)[0]


@torch.fx.wrap
def ps_roi_pool(
    input: Tensor,
    boxes: Boxes,
    output_size: BroadcastingList2[int],
    spatial_scale: float = 1.0,
    original: bool = False,
) -> Tensor:
    """Position-sensitive RoI pooling (R-FCN, arXiv 1605.06409, section 2).

    input: [N, C * height * width, H, W].
    boxes: as in roi_align.
    original: use the bins of the authors' code instead of torchvision's, which never read the last
        row and column of input.
    Returns [K, C, height, width]. Differentiable with respect to input; the gradient is that of the
    selected rule.
    """
    if not torch.jit.is_scripting():
        output_size = pair(output_size)
    height, width = output_size[0], output_size[1]
    return torch.ops.lanner.ps_roi_pool(
        input, as_rois(boxes), spatial_scale, height, width, original
    )


@torch.fx.wrap
def ps_roi_align(
    input: Tensor,
    boxes: Boxes,
    output_size: BroadcastingList2[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
) -> Tensor:
    """Position-sensitive RoIAlign (arXiv 1711.07264).

    Shapes as in ps_roi_pool, sampling as in roi_align.
    """
    if not torch.jit.is_scripting():
        output_size, sampling_ratio = pair(output_size), integer(sampling_ratio)
    height, width = output_size[0], output_size[1]
    return torch.ops.lanner.ps_roi_align(
        input, as_rois(boxes), spatial_scale, height, width, sampling_ratio
    )


class RoIAlign(nn.Module):
    """See roi_align."""

    def __init__(
        self,
        output_size: Size,
        spatial_scale: float,
        sampling_ratio: int,
        aligned: bool = False,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        return roi_align(
            input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned}"
        )


class RoIPool(nn.Module):
    """See roi_pool."""

    def __init__(self, output_size: Size, spatial_scale: float) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, spatial_scale={self.spatial_scale}"


class PSRoIPool(nn.Module):
    """See ps_roi_pool."""

    def __init__(self, output_size: Size, spatial_scale: float, original: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.original = original

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        return ps_roi_pool(
            input, rois, self.output_size, self.spatial_scale, self.original
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"original={self.original}"
        )


class PSRoIAlign(nn.Module):
    """See ps_roi_align."""

    def __init__(self, output_size: Size, spatial_scale: float, sampling_ratio: int) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio

    def forward(self, input: Tensor, rois: Boxes) -> Tensor:
        return ps_roi_align(
            input, rois, self.output_size, self.spatial_scale, self.sampling_ratio
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}"
        )
