#include "lanner/detectors/backbones/fpn.h"

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>

namespace lanner::detectors {

FpnImpl::FpnImpl(const std::vector<int64_t>& in_channels, int64_t channels, bool norm, bool pool)
    : pool_(pool) {
  torch::nn::ModuleList inner_blocks, layer_blocks;
  register_module("inner_blocks", inner_blocks);
  register_module("layer_blocks", layer_blocks);
  const auto add = [&](torch::nn::ModuleList& blocks, int64_t in, int64_t kernel) {
    torch::nn::Conv2d conv(
        torch::nn::Conv2dOptions(in, channels, kernel).padding(kernel / 2).bias(!norm));
    torch::nn::init::kaiming_uniform_(conv->weight, 1);
    if (!norm) torch::nn::init::zeros_(conv->bias);
    const auto layer = norm ? NormLayer(Norm::batch, channels) : NormLayer(nullptr);
    blocks->push_back(norm ? torch::nn::Sequential(conv, layer) : torch::nn::Sequential(conv));
    return ConvUnit(conv, layer, false);
  };
  for (const int64_t stage_channels : in_channels) {
    inner_.push_back(add(inner_blocks, stage_channels, 1));
    layer_.push_back(add(layer_blocks, channels, 3));
  }
}

std::vector<at::Tensor> FpnImpl::forward(std::vector<at::Tensor> stages) {
  std::vector<at::Tensor> levels(stages.size());
  at::Tensor inner;
  for (size_t i = stages.size(); i-- > 0;) {
    at::Tensor top_down;
    if (inner.defined()) top_down = at::upsample_nearest2d(inner, stages[i].sizes().slice(2));
    inner = inner_[i](stages[i], std::move(top_down));
    stages[i].reset();  // makes room before the largest maps
    levels[i] = layer_[i](inner);
  }
  if (pool_) levels.push_back(torch::max_pool2d(levels.back(), {1, 1}, {2, 2}, {0, 0}, {1, 1}));
  return levels;
}

}  // namespace lanner::detectors
