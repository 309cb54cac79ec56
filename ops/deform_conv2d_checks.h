#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "lanner/ops/deform_conv2d_sample.h"

namespace lanner::ops {

// Throws c10::Error naming the invalid argument. Returns the output's height and width.
inline std::pair<c10::SymInt, c10::SymInt> check_deform_conv2d(
    const at::Tensor& input, const at::Tensor& offset, const at::Tensor& weight,
    const std::optional<at::Tensor>& mask, const std::optional<at::Tensor>& bias,
    at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation) {
  const char* op = "deform_conv2d: ";
  constexpr int64_t kMaxValue = 1 << 20;
  for (const auto& [name, values, min_value] :
       {std::tuple{"stride", stride, 1}, {"padding", padding, 0}, {"dilation", dilation, 1}})
    TORCH_CHECK(values.size() == 2 && values[0] >= min_value && values[1] >= min_value &&
                    values[0] <= kMaxValue && values[1] <= kMaxValue,
                op, name, ": expected two integers in ", min_value, "..", kMaxValue, ", got ",
                values);
  TORCH_CHECK(input.dim() == 4, op, "input: expected [N, C, H, W], got ", input.sym_sizes());
  TORCH_CHECK(input.is_floating_point(), op, "input: expected a floating-point tensor, got ",
              input.scalar_type());
  TORCH_CHECK(weight.dim() == 4, op, "weight: expected [O, C / groups, kh, kw], got ",
              weight.sym_sizes());
  TORCH_CHECK(offset.dim() == 4, op, "offset: expected [N, 2 * G * kh * kw, Ho, Wo], got ",
              offset.sym_sizes());
  const auto check_type_and_device = [&](const char* name, const at::Tensor& tensor) {
    TORCH_CHECK(tensor.scalar_type() == input.scalar_type(), op, name,
                ": expected the type of input, ", input.scalar_type(), ", got ",
                tensor.scalar_type());
    TORCH_CHECK(tensor.device() == input.device(), op, name, ": expected on the device of input, ",
                input.device(), ", got ", tensor.device());
  };
  check_type_and_device("offset", offset), check_type_and_device("weight", weight);
  const auto channels = input.sym_size(1), out_channels = weight.sym_size(0),
             group_channels = weight.sym_size(1), kh = weight.sym_size(2), kw = weight.sym_size(3);
  TORCH_CHECK(group_channels > 0 && kh > 0 && kw > 0 && kh <= 1024 && kw <= 1024, op,
              "weight: expected non-empty dimensions and a kernel of at most 1024 x 1024, got ",
              weight.sym_sizes());
  TORCH_CHECK(channels > 0 && channels % group_channels == 0 && out_channels > 0 &&
                  out_channels % (channels / group_channels) == 0,
              op, "weight: expected [O, C / groups, kh, kw] for ", channels,
              " input channels, got ", weight.sym_sizes());
  TORCH_CHECK(input.sym_size(2) <= INT32_MAX && input.sym_size(3) <= INT32_MAX, op,
              "input: expected at most ", INT32_MAX, " rows and columns, got ", input.sym_sizes());
  const auto extent = [&](int axis, const c10::SymInt& kernel) {
    return input.sym_size(2 + axis) + 2 * padding[axis] - (dilation[axis] * (kernel - 1) + 1);
  };
  TORCH_CHECK(extent(0, kh) >= 0 && extent(1, kw) >= 0, op, "input: ", input.sym_size(2), " x ",
              input.sym_size(3), " with padding is smaller than the dilated kernel");
  const auto height = extent(0, kh) / stride[0] + 1, width = extent(1, kw) / stride[1] + 1;
  const auto taps = kh * kw;
  TORCH_CHECK(offset.sym_size(0) == input.sym_size(0) && offset.sym_size(1) > 0 &&
                  offset.sym_size(1) % (2 * taps) == 0 && offset.sym_size(2) == height &&
                  offset.sym_size(3) == width,
              op, "offset: expected [", input.sym_size(0), ", ", 2 * taps, " * G, ", height, ", ",
              width, "], got ", offset.sym_sizes());
  const auto groups = offset.sym_size(1) / (2 * taps);
  TORCH_CHECK(channels % groups == 0, op, "offset: ", groups,
              " offset groups do not divide the input's ", channels, " channels");
  if (mask && mask->defined()) {
    check_type_and_device("mask", *mask);
    TORCH_CHECK(mask->dim() == 4 && mask->sym_size(0) == input.sym_size(0) &&
                    mask->sym_size(1) == groups * taps && mask->sym_size(2) == height &&
                    mask->sym_size(3) == width,
                op, "mask: expected [", input.sym_size(0), ", ", groups * taps, ", ", height, ", ",
                width, "], got ", mask->sym_sizes());
  }
  if (bias && bias->defined()) {
    check_type_and_device("bias", *bias);
    TORCH_CHECK(bias->dim() == 1 && bias->sym_size(0) == out_channels, op, "bias: expected [",
                out_channels, "], got ", bias->sym_sizes());
  }
  return {height, width};
}

// Requires arguments that check_deform_conv2d accepts.
inline DeformConvShape deform_conv_shape(const at::Tensor& input, const at::Tensor& offset,
                                         const at::Tensor& weight, at::IntArrayRef stride,
                                         at::IntArrayRef padding, at::IntArrayRef dilation) {
  return {.batch = input.size(0),
          .channels = input.size(1),
          .height = input.size(2),
          .width = input.size(3),
          .out_channels = weight.size(0),
          .out_height = offset.size(2),
          .out_width = offset.size(3),
          .kernel_height = weight.size(2),
          .kernel_width = weight.size(3),
          .stride = {stride[0], stride[1]},
          .padding = {padding[0], padding[1]},
          .dilation = {dilation[0], dilation[1]},
          .weight_groups = input.size(1) / weight.size(1),
          .offset_groups = offset.size(1) / (2 * weight.size(2) * weight.size(3))};
}

inline void check_deform_conv2d_backward(const at::Tensor& grad, const at::Tensor& input,
                                         const at::Tensor& offset, const at::Tensor& weight,
                                         const std::optional<at::Tensor>& mask,
                                         at::IntArrayRef stride, at::IntArrayRef padding,
                                         at::IntArrayRef dilation) {
  const auto [height, width] =
      check_deform_conv2d(input, offset, weight, mask, {}, stride, padding, dilation);
  TORCH_CHECK(grad.dim() == 4 && grad.sym_size(0) == input.sym_size(0) &&
                  grad.sym_size(1) == weight.sym_size(0) && grad.sym_size(2) == height &&
                  grad.sym_size(3) == width && grad.scalar_type() == input.scalar_type() &&
                  grad.device() == input.device(),
              "deform_conv2d backward: grad: expected [", input.sym_size(0), ", ",
              weight.sym_size(0), ", ", height, ", ", width, "] of input's type and device, got ",
              grad.sym_sizes(), " ", grad.scalar_type());
}

}  // namespace lanner::ops
