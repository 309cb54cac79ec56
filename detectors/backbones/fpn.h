#pragma once

#include <torch/torch.h>

#include "lanner/detectors/backbones/resnet.h"

namespace lanner::detectors {

// A feature pyramid (arXiv 1612.03144) under torchvision's names.
class FpnImpl : public torch::nn::Module {
 public:
  FpnImpl(const std::vector<int64_t>& in_channels, int64_t channels, bool norm, bool pool);
  // Stage outputs, finest first, to as many levels of `channels`, and one more where `pool`.
  std::vector<at::Tensor> forward(const std::vector<at::Tensor>& stages);

 private:
  bool pool_;
  torch::nn::ModuleList inner_blocks_, layer_blocks_;
};
TORCH_MODULE(Fpn);

// What a detector asks of a backbone: levels of features, finest first, all of `channels`.
class BackboneImpl : public torch::nn::Module {
 public:
  explicit BackboneImpl(const BackboneOptions& options);
  std::vector<at::Tensor> forward(const at::Tensor& images);

  const int64_t channels;
  // Feature cells a pixel of the levels that RoIs are pooled from; one level more may be for the
  // RPN alone. torchvision guesses them from its first images, and is the same for all but tiny
  // ones.
  const std::vector<double> roi_scales;

 private:
  std::vector<int> stages_;
  ResNet body_{nullptr};
  Fpn fpn_{nullptr};
};
TORCH_MODULE(Backbone);

}  // namespace lanner::detectors
