"""RoIAlign on a feature pyramid."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lanner.ops.boxes import box_area
from lanner.ops.pooling import Size, as_rois, pair, roi_align


class MultiScaleRoIAlign(nn.Module):
    """RoIAlign on the pyramid level that fits each RoI's size (arXiv 1612.03144, equation 1).

    featmap_names: keys of the feature maps to use, finest first. The scale of each is inferred from
    the images and feature maps of the first call, as in torchvision.
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
        """Pools every box from its level.

        x: feature maps [N, C, Hi, Wi] by name; boxes: per image [Ki, 4] in image pixels;
        image_shapes: per image (height, width). Returns [K, C, height, width].
        """
        maps = [feature for name, feature in x.items() if name in self.featmap_names]
        if not maps:
            raise ValueError(f"x: expected some of {self.featmap_names}, got {list(x)}")
        if self.scales is None:
            max_height = max(shape[0] for shape in image_shapes)
            self.scales = [2 ** round(math.log2(m.shape[-2] / max_height)) for m in maps]
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
            index = torch.where(levels == level)[0]
            pooled = roi_align(feature, rois[index], self.output_size, scale, self.sampling_ratio)
            result[index] = pooled.to(result.dtype)
        return result

    def extra_repr(self) -> str:
        return (
            f"featmap_names={self.featmap_names}, output_size={self.output_size}, "
            f"sampling_ratio={self.sampling_ratio}"
        )
