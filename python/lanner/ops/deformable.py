"""Deformable convolution and deformable RoI pooling (arXiv 1703.06211, 1811.11168)."""

from __future__ import annotations

import math
from typing import Optional

import torch
import torch.fx
from torch import Tensor, nn

from lanner.ops.pooling import BroadcastingList2, Boxes, Size, as_rois, pair


@torch.fx.wrap
def deform_conv2d(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Optional[Tensor] = None,
    stride: BroadcastingList2[int] = 1,
    padding: BroadcastingList2[int] = 0,
    dilation: BroadcastingList2[int] = 1,
    mask: Optional[Tensor] = None,
) -> Tensor:
    """Deformable convolution; modulated (DCNv2) if a mask is given.

    input: [N, C, H, W].
    offset: [N, 2 * G * kh * kw, Ho, Wo], in pixels of the input; per offset group (of G) and kernel
        position, the vertical offset, then the horizontal one.
    weight: [O, C / groups, kh, kw].
    bias: [O].
    mask: [N, G * kh * kw, Ho, Wo], factors of the samples; no sigmoid is applied.
    The numbers of groups are inferred from the shapes. Returns [N, O, Ho, Wo]. Differentiable with
    respect to all tensors.
    """
    if not torch.jit.is_scripting():
        stride, padding, dilation = pair(stride), pair(padding), pair(dilation)
    return torch.ops.lanner.deform_conv2d(
        input, offset, weight, mask, bias, stride, padding, dilation
    )


@torch.fx.wrap
def deform_roi_pool(
    input: Tensor,
    boxes: Boxes,
    offset: Optional[Tensor],
    output_size: BroadcastingList2[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = 0,
    gamma: float = 0.1,
) -> Tensor:
    """Deformable RoI pooling (arXiv 1703.06211, section 2.2) with the sampling of RoIAlign.

    input: [N, C, H, W].
    boxes: as in roi_align.
    offset: [K, 2, height, width], horizontal, then vertical, in units of gamma times the RoI's
        size; or None.
    Returns [K, C, height, width]. Differentiable with respect to input and offset.
    """
    if not torch.jit.is_scripting():
        output_size = pair(output_size)
    height, width = output_size[0], output_size[1]
    return torch.ops.lanner.deform_roi_pool(
        input, as_rois(boxes), offset, spatial_scale, height, width, sampling_ratio, gamma
    )


@torch.fx.wrap
def deform_ps_roi_pool(
    input: Tensor,
    boxes: Boxes,
    offset: Optional[Tensor],
    output_size: BroadcastingList2[int],
    group_size: int = 1,
    spatial_scale: float = 1.0,
    sample_per_part: int = 4,
    trans_std: float = 0.1,
) -> Tensor:
    """Deformable position-sensitive RoI pooling, as in the code of its authors (arXiv 1703.06211).

    input: [N, C * group_size^2, H, W].
    boxes: as in roi_align.
    offset: [K, 2 * classes, part, part], in units of trans_std times the RoI's size; or None.
    Returns [K, C, height, width]. Differentiable with respect to input and offset.
    """
    if not torch.jit.is_scripting():
        output_size = pair(output_size)
    height, width = output_size[0], output_size[1]
    return torch.ops.lanner.deform_ps_roi_pool(
        input,
        as_rois(boxes),
        offset,
        spatial_scale,
        height,
        width,
        group_size,
        sample_per_part,
        trans_std,
    )


class DeformConv2d(nn.Module):
    """deform_conv2d as a module with a learned weight and bias; see deform_conv2d."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"{name}: expected a multiple of {groups} groups, got {channels}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = pair(kernel_size)
        self.stride = pair(stride)
        self.padding = pair(padding)
        self.dilation = pair(dilation)
        self.groups = groups
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The initialization of torch.nn.Conv2d."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.weight[0].numel())
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor, offset: Tensor, mask: Optional[Tensor] = None) -> Tensor:
        return deform_conv2d(
            input, offset, self.weight, self.bias, self.stride, self.padding, self.dilation, mask
        )

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"groups={self.groups}, bias={self.bias is not None}"
        )


class DeformRoIPool(nn.Module):
    """See deform_roi_pool."""

    def __init__(
        self,
        output_size: Size,
        spatial_scale: float = 1.0,
        sampling_ratio: int = 0,
        gamma: float = 0.1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.gamma = gamma

    def forward(self, input: Tensor, rois: Boxes, offset: Optional[Tensor] = None) -> Tensor:
        return deform_roi_pool(
            input,
            rois,
            offset,
            self.output_size,
            self.spatial_scale,
            self.sampling_ratio,
            self.gamma,
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, gamma={self.gamma}"
        )


class DeformPSRoIPool(nn.Module):
    """See deform_ps_roi_pool."""

    def __init__(
        self,
        output_size: Size,
        group_size: int = 1,
        spatial_scale: float = 1.0,
        sample_per_part: int = 4,
        trans_std: float = 0.1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.group_size = group_size
        self.spatial_scale = spatial_scale
        self.sample_per_part = sample_per_part
        self.trans_std = trans_std

    def forward(self, input: Tensor, rois: Boxes, offset: Optional[Tensor] = None) -> Tensor:
        return deform_ps_roi_pool(
            input,
            rois,
            offset,
            self.output_size,
            self.group_size,
            self.spatial_scale,
            self.sample_per_part,
            self.trans_std,
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, group_size={self.group_size}, "
            f"spatial_scale={self.spatial_scale}, sample_per_part={self.sample_per_part}, "
            f"trans_std={self.trans_std}"
        )
