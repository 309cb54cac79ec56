#include "lanner/detectors/backbones/resnet.h"

#include <array>

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace {

torch::nn::Conv2d convolution(int64_t in, int64_t out, int64_t kernel, int64_t stride) {
  torch::nn::Conv2d conv(
      torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
  torch::nn::init::kaiming_normal_(conv->weight, 0, torch::kFanOut, torch::kReLU);
  return conv;
}

std::array<int, 4> blocks_of(int depth) {
  switch (depth) {
    case 18:
      return {2, 2, 2, 2};
    case 34:
    case 50:
      return {3, 4, 6, 3};
    case 101:
      return {3, 4, 23, 3};
    default:
      throw usage_error("backbone: expected resnet18, 34, 50 or 101, got resnet" +
                        std::to_string(depth));
  }
}

}  // namespace

BlockImpl::BlockImpl(bool bottleneck, int64_t in_channels, int64_t width, int64_t stride,
                     Norm norm) {
  const int64_t out_channels = bottleneck ? 4 * width : width;
  conv1_ = register_module("conv1", bottleneck ? convolution(in_channels, width, 1, 1)
                                               : convolution(in_channels, width, 3, stride));
  bn1_ = register_module("bn1", NormLayer(norm, width));
  conv2_ = register_module("conv2", convolution(width, width, 3, bottleneck ? stride : 1));
  bn2_ = register_module("bn2", NormLayer(norm, width));
  if (bottleneck) {
    conv3_ = register_module("conv3", convolution(width, out_channels, 1, 1));
    bn3_ = register_module("bn3", NormLayer(norm, out_channels));
  }
  if (stride != 1 || in_channels != out_channels)
    downsample_ = register_module(
        "downsample", torch::nn::Sequential(convolution(in_channels, out_channels, 1, stride),
                                            NormLayer(norm, out_channels)));
}

at::Tensor BlockImpl::forward(const at::Tensor& x) {
  auto out = bn1_(conv1_(x)).relu_();
  out = bn2_(conv2_(out));
  if (conv3_) out = bn3_(conv3_(out.relu_()));
  return out.add_(downsample_ ? downsample_->forward(x) : x).relu_();
}

ResNetImpl::ResNetImpl(int depth, Norm norm, int stages) : width_(depth >= 50 ? 256 : 64) {
  const auto blocks = blocks_of(depth);
  const bool bottleneck = depth >= 50;
  conv1_ = register_module(
      "conv1",
      torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 64, 7).stride(2).padding(3).bias(false)));
  torch::nn::init::kaiming_normal_(conv1_->weight, 0, torch::kFanOut, torch::kReLU);
  bn1_ = register_module("bn1", NormLayer(norm, 64));
  int64_t in_channels = 64;
  for (int stage = 1; stage <= stages; ++stage) {
    torch::nn::Sequential layer;
    for (int i = 0; i < blocks[stage - 1]; ++i) {
      const int64_t stride = i == 0 && stage > 1 ? 2 : 1;
      layer->push_back(Block(bottleneck, in_channels, int64_t{64} << (stage - 1), stride, norm));
      in_channels = channels(stage);
    }
    layers_.push_back(register_module("layer" + std::to_string(stage), layer));
  }
}

std::vector<at::Tensor> ResNetImpl::forward(const at::Tensor& images) {
  std::vector<at::Tensor> outputs;
  auto x = torch::max_pool2d(bn1_(conv1_(images)).relu_(), 3, 2, 1);
  for (auto& layer : layers_) outputs.push_back(x = layer->forward(x));
  return outputs;
}

void ResNetImpl::train_last(int stages) {
  const auto freeze = [](torch::nn::Module& module) {
    for (auto& parameter : module.parameters()) parameter.set_requires_grad(false);
  };
  const int frozen = 5 - stages;  // of stem, stage 1, .. stage 4
  if (frozen > 0) freeze(*conv1_), freeze(*bn1_);
  for (int stage = 1; stage < frozen && stage <= static_cast<int>(layers_.size()); ++stage)
    freeze(*layers_[stage - 1]);
}

}  // namespace lanner::detectors
