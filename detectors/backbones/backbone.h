#pragma once

#include <torch/torch.h>

#include "lanner/detectors/backbones/fpn.h"
#include "lanner/detectors/backbones/resnet.h"

namespace lanner::detectors {

// What a backbone gives of a batch: levels [N, channels, H, W], finest first. The same tensors may
// be in both.
struct Features {
  std::vector<at::Tensor> rpn;  // that proposals come from
  std::vector<at::Tensor> roi;  // that RoIs are pooled from
};

// A ResNet and its neck.
class BackboneImpl : public torch::nn::Module {
 public:
  explicit BackboneImpl(const BackboneOptions& options);
  Features forward(const at::Tensor& images);

  ResNet body{nullptr};
  int64_t rpn_channels, roi_channels;
  // Feature cells a pixel of the levels that RoIs are pooled from: those of the stages, whatever
  // the images' sizes. torchvision guesses them from its first images, and is the same for all but
  // tiny ones.
  std::vector<double> roi_scales;

 private:
  BackboneOptions options_;
  Fpn fpn_{nullptr};
  std::optional<ConvUnit> projection_;  // dc5
};
TORCH_MODULE(Backbone);

}  // namespace lanner::detectors
