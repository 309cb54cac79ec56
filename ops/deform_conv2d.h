#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <optional>

#include "lanner/ops/api.h"

namespace lanner::ops {

struct DeformConv2dOptions {
  std::array<int64_t, 2> stride = {1, 1};  // vertical, horizontal
  std::array<int64_t, 2> padding = {0, 0};
  std::array<int64_t, 2> dilation = {1, 1};
};

// Deformable convolution (arXiv 1703.06211, section 2.1), modulated if a mask is given (arXiv
// 1811.11168, section 3), with torchvision's arithmetic: samples outside the input are 0.
// input: [N, C, H, W]; weight: [O, C / groups, kh, kw]; bias: [O].
// offset: [N, 2 * G * kh * kw, Ho, Wo], in input pixels. In each of the G offset groups, channels
// 2k and 2k + 1 are the vertical and horizontal offsets of kernel element k.
// mask: [N, G * kh * kw, Ho, Wo], used as given (no sigmoid is applied).
// Channel c belongs to offset group c / (C / G). The numbers of groups are inferred from the
// shapes. All tensors have the same floating-point type and device.
// Returns [N, O, Ho, Wo], channels-last if the input is. First derivatives with respect to all
// tensors are supported. Throws c10::Error for invalid shapes, types or devices.
LANNER_API at::Tensor deform_conv2d(const at::Tensor& input, const at::Tensor& offset,
                                    const at::Tensor& weight,
                                    const std::optional<at::Tensor>& bias = {},
                                    const std::optional<at::Tensor>& mask = {},
                                    const DeformConv2dOptions& options = {});

}  // namespace lanner::ops
