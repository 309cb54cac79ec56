#pragma once

#include <torch/torch.h>

#include <vector>

#include "lanner/detectors/backbones/norm.h"

namespace lanner::detectors {

// A residual block under torchvision's names: two 3x3 convolutions (ResNet-18 and 34), or 1x1, 3x3
// with the stride (v1.5), 1x1 to four times the width.
class BlockImpl : public torch::nn::Module {
 public:
  BlockImpl(bool bottleneck, int64_t in_channels, int64_t width, int64_t stride, Norm norm);
  at::Tensor forward(const at::Tensor& x);

 private:
  torch::nn::Conv2d conv1_{nullptr}, conv2_{nullptr}, conv3_{nullptr};
  NormLayer bn1_{nullptr}, bn2_{nullptr}, bn3_{nullptr};
  torch::nn::Sequential downsample_{nullptr};
};
TORCH_MODULE(Block);

// ResNet (arXiv 1512.03385) without its classifier, torchvision's names and initialisation.
class ResNetImpl : public torch::nn::Module {
 public:
  // depth: 18, 34, 50 or 101; stages: how many of the four are built.
  ResNetImpl(int depth, Norm norm, int stages = 4);

  // [N, 3, H, W] to the output of each stage: [N, channels(s), H / 2^(s+1), W / 2^(s+1)], rounded
  // up.
  std::vector<at::Tensor> forward(const at::Tensor& images);

  int64_t channels(int stage) const { return width_ << (stage - 1); }  // stage: 1..4

  // Freezes all but the last `stages` of stem, stage 1, .. stage 4.
  void train_last(int stages);

 private:
  int64_t width_;  // channels of stage 1
  torch::nn::Conv2d conv1_{nullptr};
  NormLayer bn1_{nullptr};
  std::vector<torch::nn::Sequential> layers_;
};
TORCH_MODULE(ResNet);

}  // namespace lanner::detectors
