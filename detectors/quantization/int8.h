#pragma once

#include "lanner/ops/torch.h"

#include <optional>

#include "lanner/ops/deform_conv2d.h"
#include "lanner/ops/roi_align.h"

// int8 convolutions and linear layers: the one place that knows LibTorch's names for oneDNN's
// quantized operators.
namespace lanner::detectors {

using ops::Affine;

// The LibTorch whose operators these are tested with.
constexpr const char* kInt8TestedWith = "2.11";

// Throws usage_error naming the operator that this LibTorch lacks, or has with other arguments.
void check_int8_operators();

// Returns a quantized tensor (kQUInt8), which holds its Affine.
at::Tensor quantize_tensor(const at::Tensor& x, const Affine& affine);

// Returns a quantized tensor as float; other tensors as they are.
at::Tensor dequantized(const at::Tensor& x);

// A weight as oneDNN likes it: int8, with a scale for each output channel.
struct PackedWeight {
  at::Tensor packed, scale, zero_point, bias;
};

using ConvGeometry = ops::DeformConv2dOptions;  // stride, padding, dilation

// weight: int8 [O, I / groups, KH, KW] or [O, I]; scale, bias: float [O].
// The layout suits inputs of x_shape, and those of other shapes at the cost of reordering it.
PackedWeight pack_conv(const at::Tensor& weight, const at::Tensor& scale, const at::Tensor& bias,
                       const Affine& input, const ConvGeometry& geometry, int64_t groups,
                       at::IntArrayRef x_shape);
PackedWeight pack_linear(const at::Tensor& weight, const at::Tensor& scale, const at::Tensor& bias,
                         at::IntArrayRef x_shape);

// x: quantized. The result is quantized as `output` says, or float where there is none. `addend`,
// if defined, is quantized and of the result's shape; the result takes its memory.
at::Tensor int8_conv(const at::Tensor& x, const PackedWeight& weight, const at::Tensor& addend,
                     const ConvGeometry& geometry, int64_t groups, bool relu,
                     const std::optional<Affine>& output);
at::Tensor int8_linear(const at::Tensor& x, const PackedWeight& weight, bool relu,
                       const std::optional<Affine>& output);

}  // namespace lanner::detectors
