#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <optional>

namespace lanner::ops {

struct DeformConv2dOptions {
  std::array<int64_t, 2> stride = {1, 1};  // vertical, horizontal
  std::array<int64_t, 2> padding = {0, 0};
  std::array<int64_t, 2> dilation = {1, 1};
};

// Deformable convolution (arXiv 1703.06211, section 2.1), modulated where there is a mask
// (arXiv 1811.11168, section 3), with torchvision's arithmetic: samples outside the input are 0.
// input: [N, C, H, W]; weight: [O, C / groups, kh, kw]; offset: [N, 2 * G * kh * kw, Ho, Wo], in
// cells, channel 2k of offset group g the vertical and 2k + 1 the horizontal offset of tap k;
// mask: [N, G * kh * kw, Ho, Wo], multiplied as it is; bias: [O]. Channel c belongs to offset group
// c / (C / G); groups are inferred from the shapes. All of one floating-point type and device.
// Returns [N, O, Ho, Wo], channels-last where the input is. Differentiable once, with respect to
// all tensors. Throws c10::Error for wrong shapes, types or devices.
at::Tensor deform_conv2d(const at::Tensor& input, const at::Tensor& offset,
                         const at::Tensor& weight, const std::optional<at::Tensor>& bias = {},
                         const std::optional<at::Tensor>& mask = {},
                         const DeformConv2dOptions& options = {});

}  // namespace lanner::ops
