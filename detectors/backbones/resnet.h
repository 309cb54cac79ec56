#pragma once

#include <torch/torch.h>

#include <vector>

#include "lanner/detectors/backbones/conv_unit.h"

namespace lanner::detectors {

// Where a deformable 3x3 convolution of stride 1 samples: tap k of the output cell (y, x) at
// (y + (k / 3 - 1) * dilation + dy, x + (k % 3 - 1) * dilation + dx).
struct SamplingOffsets {
  at::Tensor offset;               // [N, 2 * groups * 9, H, W] in cells: per tap dy, dx
  std::optional<at::Tensor> mask;  // [N, groups * 9, H, W], 0..2, where modulated
  int64_t dilation;
  double stride = 0;  // of the cells, in pixels of the batch
};

struct BlockOptions {
  bool bottleneck;
  int64_t in_channels, width, out_channels, groups = 1, stride = 1, dilation = 1;
  Norm norm;
  int64_t deformable_groups = 0;  // 0: plain
  bool modulated = false;
  double residual_scale = 1;  // at first, of what is added to the shortcut
};

// A residual block under torchvision's names: two 3x3 convolutions (ResNet-18 and 34), or 1x1 to
// the width, 3x3 in groups with the stride (v1.5), 1x1. Deformable 3x3 convolutions have their
// offsets from conv1_offset, conv2_offset.
class BlockImpl : public torch::nn::Module {
 public:
  explicit BlockImpl(const BlockOptions& options);
  // The result may take x's memory where nobody else holds it.
  at::Tensor forward(at::Tensor x);

  // Where the last 3x3 convolution samples for the block's input x; none where that is plain or has
  // a stride.
  std::optional<SamplingOffsets> offsets(const at::Tensor& x);

 private:
  bool deformable() const { return options_.deformable_groups > 0; }
  at::Tensor before_last(const at::Tensor& x);  // 3x3 convolution

  BlockOptions options_;
  ConvUnit unit1_, unit2_, unit3_;  // the last adds the shortcut
  ConvUnit offset1_, offset2_;      // where the 3x3 convolutions are deformable
  std::optional<ConvUnit> shortcut_;
};
TORCH_MODULE(Block);

struct ResNetOptions {
  int depth = 50;                        // 18, 34, 50, 101 or 152
  int64_t groups = 1, group_width = 64;  // as BackboneOptions has them
  Norm norm = Norm::batch;
  int stages = 4;              // how many are built
  bool dilate_stage4 = false;  // stride 1, and dilation 2 in all of its 3x3 convolutions
  DeformableOptions deformable{};
};

// ResNet (arXiv 1512.03385), ResNeXt (1611.05431) or wide ResNet (1605.07146) without its
// classifier, torchvision's names and initialisation.
class ResNetImpl : public torch::nn::Module {
 public:
  explicit ResNetImpl(const ResNetOptions& options);

  // [N, 3, H, W] to the output of each stage: [N, channels(s), H / 2^(s+1), W / 2^(s+1)], rounded
  // up; a dilated stage 4 is of stage 3's size. stages: how many are run.
  std::vector<at::Tensor> forward(const at::Tensor& images, int stages = 4);

  // A stage, 1..4, alone, of the output of the one before.
  at::Tensor run_stage(int stage, at::Tensor x);

  int64_t channels(int stage) const { return width_ << (stage - 1); }  // stage: 1..4

  // Freezes all but the last `stages` of stem, stage 1, .. stage 4.
  void train_last(int stages);

  // Where the last deformable convolution of each block samples for a batch, in the network's
  // order, but for those of a stride.
  std::vector<SamplingOffsets> offsets(const at::Tensor& images, int stages = 4);

 private:
  at::Tensor stem(const at::Tensor& images);

  int64_t width_;  // channels of stage 1
  torch::nn::Conv2d conv1_{nullptr};
  NormLayer bn1_{nullptr};
  ConvUnit unit1_;
  std::vector<std::vector<Block>> layers_;
};
TORCH_MODULE(ResNet);

}  // namespace lanner::detectors
