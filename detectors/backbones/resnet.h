#pragma once

#include "lanner/ops/torch.h"

#include <vector>

#include "lanner/detectors/backbones/conv_unit.h"
#include "lanner/detectors/sampling_locations.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

struct BlockOptions {
  bool bottleneck;
  int64_t in_channels, width, out_channels, groups = 1, stride = 1, dilation = 1;
  Norm norm;
  int64_t deformable_groups = 0;  // 0: regular convolutions
  bool modulated = false;
  double residual_scale = 1;  // initial weight of the last norm, which scales the residual branch
};

// A residual block with torchvision's module names: two 3x3 convolutions (ResNet-18 and 34), or a
// bottleneck of 1x1, grouped 3x3 with the stride (ResNet v1.5), and 1x1. The modules conv1_offset
// and conv2_offset predict the offsets of deformable 3x3 convolutions.
class BlockImpl : public torch::nn::Module {
 public:
  explicit BlockImpl(const BlockOptions& options);

  // x: [N, in_channels, H, W]. Returns [N, out_channels, H / stride, W / stride], rounded up. The
  // result may reuse the memory of x if the caller holds no other reference to it.
  at::Tensor forward(at::Tensor x);

  // Returns the sampling locations of the last 3x3 convolution for the block's input x, or nothing
  // if that convolution is regular or has a stride.
  std::optional<SamplingOffsets> offsets(const at::Tensor& x);

 private:
  bool deformable() const { return options_.deformable_groups > 0; }
  at::Tensor input_of_last_conv3x3(const at::Tensor& x);

  BlockOptions options_;
  ConvUnit unit1_, unit2_, unit3_;  // the last one adds the shortcut
  ConvUnit offset1_, offset2_;      // predict the offsets of conv1 and conv2
  std::optional<ConvUnit> shortcut_;
};
TORCH_MODULE(Block);

struct ResNetOptions {
  int depth = 50;                                    // 18, 34, 50, 101 or 152
  int64_t width = 64, groups = 1, group_width = 64;  // see BackboneOptions
  Norm norm = Norm::batch;
  int stages = 4;              // number of stages built, 1..4
  bool dilate_stage4 = false;  // stage 4 has stride 1, and dilation 2 in all its 3x3 convolutions
  DeformableOptions deformable{};
};

// ResNet (arXiv 1512.03385), ResNeXt (1611.05431) or wide ResNet (1605.07146) without its
// classifier, with torchvision's module names and initialization.
class LANNER_API ResNetImpl : public torch::nn::Module {
 public:
  // Throws usage_error for an unknown depth.
  explicit ResNetImpl(const ResNetOptions& options);

  // images: [N, 3, H, W]. Runs the first `stages` stages and returns the output of each:
  // [N, channels(s), H / 2^(s+1), W / 2^(s+1)], rounded up. A dilated stage 4 has the size of
  // stage 3.
  std::vector<at::Tensor> forward(const at::Tensor& images, int stages = 4);

  // Runs one stage, 1..4, on the output of the stage before.
  at::Tensor run_stage(int stage, at::Tensor x);

  // Output channels of a stage, 1..4.
  int64_t channels(int stage) const { return width_ << (stage - 1); }

  // Freezes all but the last `stages`, 0..5, of: stem, stage 1, .. stage 4.
  void set_trainable_stages(int stages);

  // Returns the sampling locations of the last deformable convolution of each block for a batch
  // [N, 3, H, W], in the order of the network. Blocks with a stride are left out.
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
