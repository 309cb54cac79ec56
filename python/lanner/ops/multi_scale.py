"""RoIAlign over the levels of a feature pyramid."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lanner.ops.boxes import box_area
from lanner.ops.pooling import Size, as_rois, pair, roi_align


class MultiScaleRoIAlign(nn.Module):
    """RoIAlign from the level that fits each RoI's size (FPN, arXiv 1612.03144, equation 1).

    featmap_names: the keys of the feature maps to use, finest first. The scales are inferred from
    the images and maps of the first call, as torchvision does.
    """

    def __init__(
        self,
        featmap_names: list[str],
        output_size: Size,
        sampling_ratio: int,
        *,
        canonical_scale: int = 224,
        canonical_level: int = 4,
    ) -> None:
        super().__init__()
        self.featmap_names = featmap_names
        self.output_size = pair(output_size)
        self.sampling_ratio = sampling_ratio
        self.canonical_scale = canonical_scale
        self.canonical_level = canonical_level
        self.scales: list[float] | None = None

    def forward(
        self, x: dict[str, Tensor], boxes: list[Tensor], image_shapes: list[tuple[int, int]]
    ) -> Tensor:
        """x: feature maps by name; boxes: [Ki, 4] for each image; image_shapes: height and width of
        each. Returns [K, C, height, width]."""
        maps = [feature for name, feature in x.items() if name in self.featmap_names]
        if not maps:
            raise ValueError(f"x: none of {self.featmap_names} among {list(x)}")
        if self.scales is None:
            tallest = max(shape[0] for shape in image_shapes)
            self.scales = [2 ** round(math.log2(m.shape[-2] / tallest)) for m in maps]
        rois = as_rois(boxes)
        if len(maps) == 1:
            return roi_align(maps[0], rois, self.output_size, self.scales[0], self.sampling_ratio)
        first, last = -math.log2(self.scales[0]), -math.log2(self.scales[-1])
        levels = torch.floor(
            self.canonical_level
            + torch.log2(torch.sqrt(box_area(rois[:, 1:])) / self.canonical_scale)
            + 1e-6
        )
        levels = levels.clamp(min=first, max=last) - first
        result = maps[0].new_zeros(rois.size(0), maps[0].size(1), *self.output_size)
        for level, (feature, scale) in enumerate(zip(maps, self.scales)):
            own = torch.where(levels == level)[0]
            pooled = roi_align(feature, rois[own], self.output_size, scale, self.sampling_ratio)
            result[own] = pooled.to(result.dtype)
        return result

    def extra_repr(self) -> str:
        return (
            f"featmap_names={self.featmap_names}, output_size={self.output_size}, "
            f"sampling_ratio={self.sampling_ratio}"
        )
