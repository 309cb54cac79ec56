#pragma once

#include "lanner/ops/torch.h"

#include "lanner/detectors/backbones/fpn.h"
#include "lanner/detectors/backbones/resnet.h"

namespace lanner::detectors {

// The feature maps of a batch: levels [N, channels, H, W], finest first. Both lists may share
// tensors.
struct Features {
  std::vector<at::Tensor> rpn;  // input of the RPN
  std::vector<at::Tensor> roi;  // input of RoI pooling
};

// A ResNet and its neck.
class BackboneImpl : public torch::nn::Module {
 public:
  explicit BackboneImpl(const BackboneOptions& options);
  // images: [N, 3, H, W], normalized.
  Features forward(const at::Tensor& images);

  ResNet body{nullptr};
  int64_t rpn_channels, roi_channels;  // of the levels in Features
  // 1 / stride of each level in Features::roi. These are the strides of the stages and do not
  // depend on the image size. torchvision infers them from its first images, with the same result
  // except for tiny images.
  std::vector<double> roi_scales;

 private:
  BackboneOptions options_;
  Fpn fpn_{nullptr};
  std::optional<ConvUnit> projection_;  // dc5
};
TORCH_MODULE(Backbone);

}  // namespace lanner::detectors
