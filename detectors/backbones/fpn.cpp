#include "lanner/detectors/backbones/fpn.h"

#include <algorithm>
#include <cmath>

namespace lanner::detectors {
namespace {

torch::nn::Sequential convolution(int64_t in, int64_t out, int64_t kernel, bool norm) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(in, out, kernel).padding(kernel / 2).bias(!norm));
  torch::nn::init::kaiming_uniform_(conv->weight, 1);
  if (norm) return torch::nn::Sequential(conv, NormLayer(Norm::batch, out));
  torch::nn::init::zeros_(conv->bias);
  return torch::nn::Sequential(conv);
}

std::vector<double> scales_of(const std::vector<int>& stages) {
  std::vector<double> scales;
  for (const int stage : stages) scales.push_back(std::exp2(-stage - 1));
  return scales;
}

at::Tensor run(torch::nn::ModuleList& blocks, size_t i, const at::Tensor& x) {
  return blocks->at<torch::nn::SequentialImpl>(i).forward(x);
}

}  // namespace

FpnImpl::FpnImpl(const std::vector<int64_t>& in_channels, int64_t channels, bool norm, bool pool)
    : pool_(pool) {
  register_module("inner_blocks", inner_blocks_);
  register_module("layer_blocks", layer_blocks_);
  for (const int64_t in : in_channels) {
    inner_blocks_->push_back(convolution(in, channels, 1, norm));
    layer_blocks_->push_back(convolution(channels, channels, 3, norm));
  }
}

std::vector<at::Tensor> FpnImpl::forward(const std::vector<at::Tensor>& stages) {
  const size_t count = stages.size();
  std::vector<at::Tensor> levels(count);
  at::Tensor inner;
  for (size_t i = count; i-- > 0;) {
    auto lateral = run(inner_blocks_, i, stages[i]);
    if (inner.defined())
      lateral = lateral + at::upsample_nearest2d(inner, lateral.sizes().slice(2));
    inner = lateral;
    levels[i] = run(layer_blocks_, i, inner);
  }
  if (pool_) levels.push_back(torch::max_pool2d(levels.back(), 1, 2));
  return levels;
}

BackboneImpl::BackboneImpl(const BackboneOptions& options)
    : channels(options.fpn_channels),
      roi_scales(scales_of(options.fpn_stages)),
      stages_(options.fpn_stages) {
  body_ = register_module("body", ResNet(options.depth, options.norm, stages_.back()));
  body_->train_last(options.trainable_stages);
  for (const auto& module : body_->modules())
    if (auto* norm = module->as<NormLayer>()) norm->eps = options.norm_eps;
  std::vector<int64_t> in_channels;
  for (const int stage : stages_) in_channels.push_back(body_->channels(stage));
  fpn_ = register_module("fpn", Fpn(in_channels, channels, options.fpn_norm, options.fpn_pool));
}

std::vector<at::Tensor> BackboneImpl::forward(const at::Tensor& images) {
  const auto outputs = body_->forward(images);
  std::vector<at::Tensor> chosen;
  for (const int stage : stages_) chosen.push_back(outputs[stage - 1]);
  return fpn_->forward(chosen);
}

}  // namespace lanner::detectors
