#include "lanner/detectors/pretraining/regions.h"

#include <torch/nn/modules/activation.h>

#include "lanner/detectors/auto_options.h"
#include "lanner/detectors/backbones/norm.h"
#include "lanner/detectors/roi_heads/options.h"
#include "lanner/detectors/upcast.h"

namespace lanner::detectors {
namespace {

BackboneOptions backbone_options(const PretrainOptions& o) {
  return {.depth = resnet_depth(o.backbone),
          .width = o.width,
          .norm = o.norm,
          .fpn_stages = o.regions.fpn_stages,
          .fpn_channels =
              o.regions.fpn_channels > 0 ? o.regions.fpn_channels : auto_fpn_channels(o.width),
          .fpn_pool = false};
}

}  // namespace

Regions::Regions(const PretrainOptions& options) : options_(options) {
  options.check();
  online_ = make_network(), target_ = make_network();
  register_network(*this, online_);
  auto average = register_module("target", std::make_shared<torch::nn::Module>());
  register_network(*average, target_);
  encoder = Encoder(online_.backbone->body, options.built_stages());
  for (auto* network : {&online_, &target_}) {
    auto& parameters = network == &online_ ? online_parameters_ : target_parameters_;
    auto& buffers = network == &online_ ? online_buffers_ : target_buffers_;
    for (const torch::nn::Module* module : network->modules()) {
      for (const auto& parameter : module->parameters()) parameters.push_back(parameter);
      for (const auto& buffer : module->buffers()) buffers.push_back(buffer);
    }
  }
  for (auto& parameter : target_parameters_) parameter.set_requires_grad(false);
  begin();
}

void Regions::begin() {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < target_parameters_.size(); ++i)
    target_parameters_[i].copy_(online_parameters_[i]);
  for (size_t i = 0; i < target_buffers_.size(); ++i) target_buffers_[i].copy_(online_buffers_[i]);
}

Regions::Network Regions::make_network() const {
  Network network;
  network.backbone = Backbone(backbone_options(options_));
  network.head = std::make_shared<BoxHead>(*network.backbone, 1,
                                           RoiOptions{.head_width = options_.regions.head_width});
  for (auto& item : network.head->named_parameters())  // there are no classes yet
    if (item.key().starts_with("box_predictor")) item.value().set_requires_grad(false);
  const auto width = options_.regions.head_width;
  network.projection =
      torch::nn::Sequential(torch::nn::Linear(width, width), NormLayer(Norm::batch, width),
                            torch::nn::ReLU(), torch::nn::Linear(width, options_.embedding));
  return network;
}

void Regions::register_network(torch::nn::Module& owner, Network& network) const {
  owner.register_module("backbone", network.backbone);
  owner.register_module("roi_heads", network.head);
  owner.register_module("projection", network.projection);
}

std::vector<at::Tensor> Regions::Network::features(const at::Tensor& images) {
  return backbone->forward(images).roi;
}

at::Tensor Regions::Network::embed(const std::vector<at::Tensor>& features,
                                   const at::Tensor& rois) {
  return upcast(projection->forward(head->hidden(features, rois)));
}

void Regions::update_target() {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < target_parameters_.size(); ++i)
    target_parameters_[i].lerp_(online_parameters_[i], 1 - options_.regions.target_decay);
}

ContrastiveResult Regions::forward(const at::Tensor& images) {
  const auto& o = options_.regions;
  const auto views = region_views(images, o, options_.patch);
  at::Tensor chosen, first_targets, second_targets;
  {
    const torch::NoGradGuard no_grad;
    // Once a step, which has changed the online network.
    if (is_training() && batches_++ % options_.loop.accumulate == 0) update_target();
    const auto first = target_.features(views.first), second = target_.features(views.second);
    const auto all = target_.embed(first, views.first_rois);
    auto weights = views.salience;
    if (o.rare)
      weights = weights / alike(all, o.same).sum(1).to(torch::kFloat).cpu().view_as(weights);
    chosen = choose_regions(weights, o.boxes).to(images.device());
    first_targets = all.index_select(0, chosen);
    second_targets = target_.embed(second, views.second_rois.index_select(0, chosen));
  }
  const auto first = online_.embed(online_.features(views.first),
                                   views.first_rois.index_select(0, chosen)),
             second = online_.embed(online_.features(views.second),
                                    views.second_rois.index_select(0, chosen));
  const auto forth = region_nce(first, second_targets, options_.temperature, o.same),
             back = region_nce(second, first_targets, options_.temperature, o.same);
  const auto candidates =
      (forth.candidates.to(torch::kFloat).mean() + back.candidates.to(torch::kFloat).mean()) / 2;
  return {(forth.loss + back.loss) / 2,
          (forth.accuracy + back.accuracy) / 2,
          std::max<int64_t>(2, std::llround(candidates.item<double>())),
          {},
          first.detach()};
}

}  // namespace lanner::detectors
