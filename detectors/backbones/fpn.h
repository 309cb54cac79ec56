#pragma once

#include <torch/torch.h>

#include <vector>

#include "lanner/detectors/backbones/conv_unit.h"

namespace lanner::detectors {

// A feature pyramid (arXiv 1612.03144) under torchvision's names.
class FpnImpl : public torch::nn::Module {
 public:
  FpnImpl(const std::vector<int64_t>& in_channels, int64_t channels, bool norm, bool pool);
  // Stage outputs, finest first, to as many levels of `channels`, and one more where `pool`.
  std::vector<at::Tensor> forward(const std::vector<at::Tensor>& stages);

 private:
  bool pool_;
  std::vector<ConvUnit> inner_, layer_;
};
TORCH_MODULE(Fpn);

}  // namespace lanner::detectors
