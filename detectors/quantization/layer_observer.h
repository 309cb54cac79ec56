#pragma once

#include "lanner/detectors/quantization/int8.h"

namespace lanner::detectors {

// A call of a convolution or linear layer, with its norm folded in.
struct LayerCall {
  torch::nn::Module& layer;
  at::Tensor input, output;
  at::Tensor weight, bias;                 // bias: [O], or undefined
  std::optional<ConvGeometry> geometry{};  // none: a linear layer
  int64_t groups = 1;
  bool norm_done = true;  // no norm is still to come
};

// Sees the calls of all layers that have an int8 form, in the thread that set it.
struct LayerObserver {
  virtual ~LayerObserver() = default;
  virtual void observe(const LayerCall& call) = 0;
};

// Null, unless a detector is being quantized.
inline LayerObserver*& layer_observer() {
  thread_local LayerObserver* observer = nullptr;
  return observer;
}

}  // namespace lanner::detectors
