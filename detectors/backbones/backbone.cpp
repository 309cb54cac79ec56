#include "lanner/detectors/backbones/backbone.h"

#include <cmath>

namespace lanner::detectors {
namespace {

constexpr double kScale16 = 1. / 16;

}  // namespace

BackboneImpl::BackboneImpl(const BackboneOptions& options) : options_(options) {
  const bool fpn = options.neck == Neck::fpn;
  body = register_module("body", ResNet(ResNetOptions{
                                     .depth = options.depth,
                                     .width = options.width,
                                     .groups = options.groups,
                                     .group_width = options.group_width,
                                     .norm = options.norm,
                                     .stages = fpn ? options.fpn_stages.back() : 4,
                                     .dilate_stage4 = options.neck == Neck::dc5,
                                     .deformable = options.deformable,
                                 }));
  body->set_trainable_stages(options.trainable_stages);
  for (const auto& module : body->modules())
    if (auto* norm = module->as<NormLayer>()) norm->eps = options.norm_eps;
  switch (options.neck) {
    case Neck::fpn: {
      std::vector<int64_t> in_channels;
      for (const int stage : options.fpn_stages) {
        in_channels.push_back(body->channels(stage));
        roi_scales.push_back(std::exp2(-stage - 1));
      }
      rpn_channels = roi_channels = options.fpn_channels;
      fpn_ = register_module("fpn",
                             Fpn(in_channels, rpn_channels, options.fpn_norm, options.fpn_pool));
      break;
    }
    case Neck::c4:
      rpn_channels = roi_channels = body->channels(3);
      roi_scales = {kScale16};
      break;
    case Neck::dc5: {
      rpn_channels = body->channels(3);
      roi_channels = options.dc5_channels;
      roi_scales = {kScale16};
      torch::nn::Conv2d conv(torch::nn::Conv2dOptions(body->channels(4), roi_channels, 1));
      torch::nn::init::normal_(conv->weight, 0, 0.01);
      torch::nn::init::zeros_(conv->bias);
      projection_.emplace(register_module("projection", conv), nullptr, true);
    }
  }
}

Features BackboneImpl::forward(const at::Tensor& images) {
  if (options_.neck == Neck::c4) {
    const auto features = body->forward(images, 3);
    return {{features[2]}, {features[2]}};
  }
  auto stages = body->forward(images);
  if (options_.neck == Neck::dc5) return {{stages[2]}, {(*projection_)(stages[3])}};
  std::vector<at::Tensor> inputs;
  for (const int stage : options_.fpn_stages) inputs.push_back(std::move(stages[stage - 1]));
  stages.clear();
  const auto levels = fpn_->forward(std::move(inputs));
  return {levels, {levels.begin(), levels.begin() + std::ssize(options_.fpn_stages)}};
}

}  // namespace lanner::detectors
