#include "lanner/detectors/backbones/resnet.h"

#include <torch/nn/modules/container/sequential.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace {

torch::nn::Conv2d convolution(int64_t in, int64_t out, int64_t kernel, int64_t stride = 1,
                              int64_t dilation = 1, int64_t groups = 1) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(in, out, kernel)
                             .stride(stride)
                             .padding(kernel / 2 * dilation)
                             .dilation(dilation)
                             .groups(groups)
                             .bias(false));
  torch::nn::init::kaiming_normal_(conv->weight, 0, torch::kFanOut, torch::kReLU);
  return conv;
}

// Predicts the offsets of a deformable 3x3 convolution, and the mask of a modulated one, from the
// same receptive field.
torch::nn::Conv2d offset_convolution(int64_t in, int64_t stride, int64_t dilation, int64_t groups,
                                     bool modulated) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(in, (modulated ? 27 : 18) * groups, 3)
                             .stride(stride)
                             .padding(dilation)
                             .dilation(dilation));
  torch::nn::init::zeros_(conv->weight);
  torch::nn::init::zeros_(conv->bias);
  return conv;
}

// prediction: output of an offset convolution.
SamplingOffsets to_sampling_offsets(const at::Tensor& prediction, const BlockOptions& o) {
  const int64_t offset_channels = 18 * o.deformable_groups;
  SamplingOffsets samples{prediction.slice(1, 0, offset_channels), {}, o.dilation};
  // Predictions are initially 0, and the mask is 1.
  if (o.modulated) samples.mask = 2 * prediction.slice(1, offset_channels).sigmoid();
  return samples;
}

at::Tensor deform_conv(const ConvUnit& unit, const at::Tensor& x, const SamplingOffsets& samples,
                       const at::Tensor& addend = {}) {
  return unit.deformed(x, samples.offset, samples.mask, addend);
}

std::array<int, 4> blocks_per_stage(int depth) {
  switch (depth) {
    case 18:
      return {2, 2, 2, 2};
    case 34:
    case 50:
      return {3, 4, 6, 3};
    case 101:
      return {3, 4, 23, 3};
    case 152:
      return {3, 8, 36, 3};
    default:
      throw usage_error("backbone: expected resnet18, 34, 50, 101 or 152, got resnet" +
                        std::to_string(depth));
  }
}

}  // namespace

BlockImpl::BlockImpl(const BlockOptions& o) : options_(o) {
  NormLayer last_norm{nullptr};
  const auto unit = [&](const std::string& number, torch::nn::Conv2d conv, bool relu = true) {
    register_module("conv" + number, conv);
    last_norm = register_module("bn" + number, NormLayer(o.norm, conv->options.out_channels()));
    return ConvUnit(conv, last_norm, relu);
  };
  const auto offset_unit = [&](const std::string& name, int64_t in, int64_t stride) {
    return ConvUnit(register_module(name, offset_convolution(in, stride, o.dilation,
                                                             o.deformable_groups, o.modulated)),
                    {nullptr}, false);
  };
  if (o.bottleneck) {
    unit1_ = unit("1", convolution(o.in_channels, o.width, 1));
    unit2_ = unit("2", convolution(o.width, o.width, 3, o.stride, o.dilation, o.groups));
    unit3_ = unit("3", convolution(o.width, o.out_channels, 1));
  } else {
    unit1_ = unit("1", convolution(o.in_channels, o.width, 3, o.stride, o.dilation));
    unit2_ = unit("2", convolution(o.width, o.width, 3, 1, o.dilation));
  }
  torch::nn::init::constant_(last_norm->weight, o.residual_scale);
  if (deformable()) {
    if (!o.bottleneck) offset1_ = offset_unit("conv1_offset", o.in_channels, o.stride);
    offset2_ = offset_unit("conv2_offset", o.width, o.bottleneck ? o.stride : 1);
  }
  if (o.stride != 1 || o.in_channels != o.out_channels) {
    const auto conv = convolution(o.in_channels, o.out_channels, 1, o.stride);
    const NormLayer norm(o.norm, o.out_channels);
    register_module("downsample", torch::nn::Sequential(conv, norm));
    shortcut_.emplace(conv, norm, false);
  }
}

at::Tensor BlockImpl::input_of_last_conv3x3(const at::Tensor& x) {
  return deformable() && !options_.bottleneck
             ? deform_conv(unit1_, x, to_sampling_offsets(offset1_(x), options_))
             : unit1_(x);
}

std::optional<SamplingOffsets> BlockImpl::offsets(const at::Tensor& x) {
  if (!deformable() || (options_.bottleneck && options_.stride != 1)) return {};
  return to_sampling_offsets(offset2_(input_of_last_conv3x3(x)), options_);
}

at::Tensor BlockImpl::forward(at::Tensor x) {
  const auto hidden = input_of_last_conv3x3(x);
  auto shortcut = shortcut_ ? (*shortcut_)(x) : std::move(x);
  if (!deformable())
    return options_.bottleneck ? unit3_(unit2_(hidden), std::move(shortcut))
                               : unit2_(hidden, std::move(shortcut));
  const auto samples = to_sampling_offsets(offset2_(hidden), options_);
  return options_.bottleneck ? unit3_(deform_conv(unit2_, hidden, samples), std::move(shortcut))
                             : deform_conv(unit2_, hidden, samples, shortcut);
}

ResNetImpl::ResNetImpl(const ResNetOptions& o) : width_(o.depth >= 50 ? 4 * o.width : o.width) {
  const auto blocks = blocks_per_stage(o.depth);
  conv1_ = register_module("conv1", convolution(3, o.width, 7, 2));
  bn1_ = register_module("bn1", NormLayer(o.norm, o.width));
  unit1_ = ConvUnit(conv1_, bn1_, true);
  int64_t in_channels = o.width;
  // Without normalization, activations would grow from block to block (see arXiv 1901.09321).
  const double residual_scale =
      o.norm == Norm::none ? 1 / std::sqrt(std::accumulate(blocks.begin(), blocks.end(), 0.)) : 1;
  for (int stage = 1; stage <= o.stages; ++stage) {
    torch::nn::Sequential layer;
    auto& stage_blocks = layers_.emplace_back();
    const bool dilated = stage == 4 && o.dilate_stage4;
    const auto& deformable_stages = o.deformable.stages;
    const bool deformable = std::find(deformable_stages.begin(), deformable_stages.end(), stage) !=
                            deformable_stages.end();
    for (int i = 0; i < blocks[stage - 1]; ++i) {
      stage_blocks.emplace_back(
          BlockOptions{.bottleneck = o.depth >= 50,
                       .in_channels = in_channels,
                       .width = (o.groups * o.group_width * o.width / 64) << (stage - 1),
                       .out_channels = channels(stage),
                       .groups = o.groups,
                       .stride = i == 0 && stage > 1 && !dilated ? 2 : 1,
                       .dilation = dilated ? 2 : 1,
                       .norm = o.norm,
                       .deformable_groups = deformable ? o.deformable.groups : 0,
                       .modulated = o.deformable.modulated,
                       .residual_scale = residual_scale});
      layer->push_back(stage_blocks.back());
      in_channels = channels(stage);
    }
    register_module("layer" + std::to_string(stage), layer);
  }
}

at::Tensor ResNetImpl::stem(const at::Tensor& images) {
  return torch::max_pool2d(unit1_(images), {3, 3}, {2, 2}, {1, 1}, {1, 1});
}

std::vector<at::Tensor> ResNetImpl::forward(const at::Tensor& images, int stages) {
  std::vector<at::Tensor> outputs;
  stages = std::min(stages, static_cast<int>(layers_.size()));
  for (int stage = 1; stage <= stages; ++stage)
    outputs.push_back(run_stage(stage, stage == 1 ? stem(images) : outputs.back()));
  return outputs;
}

at::Tensor ResNetImpl::run_stage(int stage, at::Tensor x) {
  for (auto& block : layers_[stage - 1]) x = block->forward(std::move(x));
  return x;
}

std::vector<SamplingOffsets> ResNetImpl::offsets(const at::Tensor& images, int stages) {
  std::vector<SamplingOffsets> all;
  auto x = stem(images);
  for (int stage = 0; stage < std::min(stages, static_cast<int>(layers_.size())); ++stage)
    for (auto& block : layers_[stage]) {
      const auto samples = block->offsets(x);
      x = block->forward(std::move(x));
      if (!samples) continue;
      all.push_back(*samples);
      all.back().stride = static_cast<double>(images.size(3)) / static_cast<double>(x.size(3));
    }
  return all;
}

void ResNetImpl::set_trainable_stages(int stages) {
  const auto freeze = [](torch::nn::Module& module) {
    for (auto& parameter : module.parameters()) parameter.set_requires_grad(false);
    for (const auto& child : module.modules())
      if (const auto norm = std::dynamic_pointer_cast<NormLayerImpl>(child)) norm->fixed = true;
  };
  const int frozen = 5 - stages;  // the stem counts as one
  if (frozen > 0) freeze(*conv1_), freeze(*bn1_);
  for (int stage = 1; stage < frozen && stage <= static_cast<int>(layers_.size()); ++stage)
    for (auto& block : layers_[stage - 1]) freeze(*block);
}

}  // namespace lanner::detectors
