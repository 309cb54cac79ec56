#pragma once

#include "lanner/ops/torch.h"

#include <vector>

#include "lanner/detectors/backbones/conv_unit.h"

namespace lanner::detectors {

// A feature pyramid network (arXiv 1612.03144) with torchvision's module names.
class FpnImpl : public torch::nn::Module {
 public:
  // in_channels: channels of each input, finest first. channels: of every level. norm: batch norms
  // instead of biases. pool: adds a coarser level by subsampling the last one with stride 2.
  FpnImpl(const std::vector<int64_t>& in_channels, int64_t channels, bool norm, bool pool);

  // stages: [N, in_channels[i], Hi, Wi], finest first. Returns as many levels [N, channels, Hi,
  // Wi], and one of half the size of the last where `pool` is set.
  std::vector<at::Tensor> forward(std::vector<at::Tensor> stages);

 private:
  bool pool_;
  std::vector<ConvUnit> inner_, layer_;
};
TORCH_MODULE(Fpn);

}  // namespace lanner::detectors
