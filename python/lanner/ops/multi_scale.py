"""RoIAlign on a feature pyramid."""

from __future__ import annotations

import math
from typing import Dict, List, Optional, Tuple

import torch
from torch import Tensor, nn

from lanner.ops.boxes import box_area
from lanner.ops.pooling import Size, as_rois, pair, roi_align


def exponent(scale: float) -> int:
    """The nearest power of two is 2 ** exponent."""
    return int(round(math.log(scale) / math.log(2.0)))


class MultiScaleRoIAlign(nn.Module):
    """RoIAlign on the pyramid level that fits each RoI's size (arXiv 1612.03144, equation 1).

    featmap_names: keys of the feature maps to use, finest first. The scale of each is inferred from
    the images and feature maps of the first call, as in torchvision.
    """

    # torch.jit.script reads types from here, where they must not be text.
    __annotations__ = {"scales": Optional[List[float]]}

    def __init__(
        self,
        featmap_names: List[str],
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
        self.scales = None

    def forward(
        self, x: Dict[str, Tensor], boxes: List[Tensor], image_shapes: List[Tuple[int, int]]
    ) -> Tensor:
        """Pools every box from its level.

        x: feature maps [N, C, Hi, Wi] by name; boxes: per image [Ki, 4] in image pixels;
        image_shapes: per image (height, width). Returns [K, C, height, width].
        """
        maps: List[Tensor] = []
        for name, feature in x.items():
            if name in self.featmap_names:
                maps.append(feature)
        if len(maps) == 0:
            raise ValueError(f"x: expected some of {self.featmap_names}, got {list(x.keys())}")
        scales = self.scales
        if scales is None:
            max_height = max([shape[0] for shape in image_shapes])
            scales = [2.0 ** exponent(m.shape[-2] / max_height) for m in maps]
            self.scales = scales
        rois = as_rois(boxes)
        if len(maps) == 1:
            return roi_align(maps[0], rois, self.output_size, scales[0], self.sampling_ratio)
        first, last = -exponent(scales[0]), -exponent(scales[-1])
        levels = torch.floor(
            self.canonical_level
            + torch.log2(torch.sqrt(box_area(rois[:, 1:])) / self.canonical_scale)
            + 1e-6
        )
        levels = levels.clamp(min=first, max=last) - first
        height, width = self.output_size
        result = maps[0].new_zeros([rois.size(0), maps[0].size(1), height, width])
        for level, (feature, scale) in enumerate(zip(maps, scales)):
            index = torch.where(levels == level)[0]
            pooled = roi_align(feature, rois[index], self.output_size, scale, self.sampling_ratio)
            result[index] = pooled.to(result.dtype)
        return result

    def extra_repr(self) -> str:
        return (
            f"featmap_names={self.featmap_names}, output_size={self.output_size}, "
            f"sampling_ratio={self.sampling_ratio}"
        )
