#pragma once

#include <ATen/core/Tensor.h>

#include "lanner/ops/api.h"

namespace lanner::ops {

// The weights of a 3 x 3 convolution as winograd_conv2d takes them.
struct WinogradWeight {
  int64_t in_channels, out_channels;
  at::Tensor values;  // in the order of the CPU's vectors: not to be saved
};

// Whether winograd_conv2d takes such a convolution: 3 x 3, stride and dilation 1, one group, input
// and output channels in multiples of 16.
LANNER_API bool is_winograd_conv2d(const at::Tensor& weight, at::IntArrayRef stride,
                                   at::IntArrayRef dilation, int64_t groups);

// Transforms the weights [O, C, 3, 3] of a convolution for inputs of a type: float, double or
// bfloat16, which is computed in float. They take 4 times the memory. transposed: of the transposed
// convolution, which takes gradients of the output to those of the input. Throws c10::Error for
// other shapes and types.
LANNER_API WinogradWeight winograd_weight(const at::Tensor& weight, at::ScalarType type,
                                          bool transposed = false);

// A 3 x 3 convolution on a CPU by Winograd's minimal filtering F(4 x 4, 3 x 3) (arXiv 1509.09308,
// section 4): 36 products for 16 outputs in place of 144. In float its rounding errors are about
// five times those of a direct convolution, 2e-6 of the outputs' standard deviation.
// input: [N, C, H, W], channels-last, float, double or bfloat16; bias: [O] of the same type or
// undefined. padding: vertical, horizontal. Returns [N, O, H + 2 * padding - 2, ..], channels-last.
// addend, where given, is a channels-last tensor of that shape and type; the result is added to it
// in place. relu: max(0, result) follows, which keeps NaN.
// Records no gradients. Throws c10::Error for other shapes, types and layouts.
LANNER_API at::Tensor winograd_conv2d(const at::Tensor& input, const WinogradWeight& weight,
                                      const at::Tensor& bias, at::IntArrayRef padding, bool relu,
                                      at::Tensor addend = {});

// The gradient of the weights, [O, C, 3, 3], from the input and the gradient of the output, by the
// same transforms: 36 products in place of 144. Both float or both double, channels-last.
// Throws c10::Error for other shapes, types and layouts.
LANNER_API at::Tensor winograd_conv2d_weight_grad(const at::Tensor& input, const at::Tensor& grad,
                                                  at::IntArrayRef padding);

// The convolution with weights [O, C, 3, 3] as they are trained: records gradients, which are
// computed in Winograd's form, too. input: float or double; padding: at most 2 on each axis.
LANNER_API at::Tensor winograd_conv2d(const at::Tensor& input, const at::Tensor& weight,
                                      const at::Tensor& bias, at::IntArrayRef padding);

}  // namespace lanner::ops
