#pragma once

#include <torch/torch.h>

namespace lanner::detectors {

// Linear, then ReLU where asked for. On a CPU in float32 its three products, forward and backward,
// are oneDNN's: twice as fast as MKL's, which torch takes, on AMD processors. x: [K, in].
at::Tensor linear(const torch::nn::Linear& layer, const at::Tensor& x, bool relu);

}  // namespace lanner::detectors
