#pragma once

#include <ATen/core/Tensor.h>

#include "lanner/ops/api.h"

namespace lanner::ops {

// The dynamic convolution of Sparse R-CNN (arXiv 2011.12450, section 3) on a CPU, in one pass over
// memory. Adds to each box's features x the product relu(norm(x a)) b of weights of its own; norm
// is a layer norm over the inner channels.
// features: [K, area, width], contiguous, float or double, overwritten. weights: [K, 2 * width *
// inner] of the same type: of each box a [width, inner], then b [inner, width]. scale, shift:
// [inner], of the norm. Records no gradients. Throws c10::Error for other shapes, types and
// layouts.
LANNER_API void add_dynamic_conv(const at::Tensor& features, const at::Tensor& weights,
                                 const at::Tensor& scale, const at::Tensor& shift, double epsilon);

}  // namespace lanner::ops
