#pragma once

#include "lanner/ops/torch.h"

namespace lanner::detectors {

// Applies a linear layer, followed by ReLU if `relu` is set. x: [K, ..], in_features of each;
// returns [K, out_features]. On the CPU in float32, the matrix products of forward and backward use
// oneDNN, which is twice as fast as MKL, torch's default, on AMD processors.
at::Tensor linear(const torch::nn::Linear& layer, const at::Tensor& x, bool relu);

}  // namespace lanner::detectors
