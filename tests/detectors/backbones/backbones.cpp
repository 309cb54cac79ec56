#include "lanner/detectors/backbones/backbone.h"

#include "tests/catch.h"
#include "tests/detectors/make_detector.h"

using namespace lanner::detectors;
using lanner::tests::parameters;

namespace {

ResNet resnet(int depth) { return ResNet(ResNetOptions{.depth = depth}); }

}  // namespace

TEST_CASE("ResNets have torchvision's number of parameters without the classifier") {
  CHECK(parameters(*resnet(18)) == 11'689'512 - 513'000);
  CHECK(parameters(*resnet(34)) == 21'797'672 - 513'000);
  CHECK(parameters(*resnet(50)) == 25'557'032 - 2'049'000);
  CHECK(parameters(*resnet(101)) == 44'549'160 - 2'049'000);
}

TEST_CASE("feature levels have the documented sizes and channels") {
  const torch::NoGradGuard no_grad;
  for (const auto norm : {Norm::frozen_batch, Norm::batch, Norm::group, Norm::layer, Norm::none}) {
    Backbone backbone(BackboneOptions{.depth = 18, .norm = norm, .fpn_channels = 32});
    const auto features = backbone->forward(torch::rand({2, 3, 64, 96}));
    const auto& levels = features.rpn;
    REQUIRE(features.roi.size() == 4);
    REQUIRE(levels.size() == 5);
    CHECK(levels[0].sizes() == at::IntArrayRef{2, 32, 16, 24});
    CHECK(levels[3].sizes() == at::IntArrayRef{2, 32, 2, 3});
    CHECK(levels[4].sizes() == at::IntArrayRef{2, 32, 1, 2});
  }
  Backbone two_levels(
      BackboneOptions{.depth = 50, .fpn_stages = {3, 4}, .fpn_channels = 16, .fpn_pool = false});
  const auto levels = two_levels->forward(torch::rand({1, 3, 64, 64})).rpn;
  REQUIRE(levels.size() == 2);
  CHECK(levels[0].size(2) == 4);
}

TEST_CASE("frozen batch norm is affine and has no trainable parameters") {
  NormLayer norm(Norm::frozen_batch, 2);
  CHECK(norm->parameters().empty());
  norm->weight.fill_(2), norm->bias.fill_(1), norm->running_mean.fill_(3),
      norm->running_var.fill_(4);
  norm->eps = 0;
  CHECK(at::allclose(norm(torch::full({1, 2, 1, 1}, 5.)), torch::full({1, 2, 1, 1}, 3.f)));
}

TEST_CASE("set_trainable_stages freezes the first stages") {
  auto net = resnet(18);
  net->set_trainable_stages(3);
  for (const auto& item : net->named_parameters()) {
    const auto& name = item.key();
    const bool frozen =
        name.rfind("conv1", 0) == 0 || name.rfind("bn1", 0) == 0 || name.rfind("layer1", 0) == 0;
    CHECK(item.value().requires_grad() == !frozen);
  }
}

TEST_CASE("RoI scales are the inverse strides of the stages") {
  BackboneOptions options;
  options.depth = 18;
  options.fpn_stages = {2, 3};
  CHECK(Backbone(options)->roi_scales == std::vector<double>{1. / 8, 1. / 16});
}

TEST_CASE("norm_eps applies to every norm of the body") {
  BackboneOptions options;
  options.depth = 18;
  options.norm_eps = 0;
  int layers = 0;
  for (const auto& module : Backbone(options)->modules())
    if (const auto* norm = module->as<NormLayer>()) {
      CHECK(norm->eps == 0);
      ++layers;
    }
  CHECK(layers == 20);
}

TEST_CASE("C4 and dilated C5 features have stride 16") {
  const torch::NoGradGuard no_grad;
  Backbone c4(BackboneOptions{.depth = 18, .neck = Neck::c4});
  auto features = c4->forward(torch::rand({1, 3, 64, 96}));
  CHECK(features.rpn[0].sizes() == at::IntArrayRef{1, 256, 4, 6});
  CHECK(features.roi[0].is_same(features.rpn[0]));
  CHECK(c4->body->run_stage(4, features.roi[0]).sizes() == at::IntArrayRef{1, 512, 2, 3});
  for (const int depth : {18, 50}) {
    Backbone dc5(BackboneOptions{.depth = depth, .neck = Neck::dc5, .dc5_channels = 24});
    features = dc5->forward(torch::rand({1, 3, 64, 96}));
    CHECK(features.rpn[0].sizes() == at::IntArrayRef{1, dc5->rpn_channels, 4, 6});
    CHECK(features.roi[0].sizes() == at::IntArrayRef{1, 24, 4, 6});
    CHECK(dc5->roi_scales == std::vector<double>{1. / 16});
  }
}

TEST_CASE("an untrained deformable ResNet equals the regular one, and samples at its offsets") {
  const torch::NoGradGuard no_grad;
  for (const int depth : {18, 50})
    for (const bool modulated : {false, true}) {
      torch::manual_seed(1);
      auto regular = resnet(depth);
      ResNet deformable(ResNetOptions{
          .depth = depth, .deformable = {.stages = {3, 4}, .groups = 2, .modulated = modulated}});
      for (auto& item : regular->named_parameters())
        deformable->named_parameters()[item.key()].copy_(item.value());
      regular->eval(), deformable->eval();
      const auto images = torch::rand({2, 3, 64, 64});
      const auto expected = regular->forward(images).back();
      CHECK(at::allclose(deformable->forward(images).back(), expected, 1e-3, 1e-4));
      auto offsets = deformable->offsets(images);
      // Only of 3x3 convolutions with stride 1: ResNet-50 has none in the first block of a stage.
      REQUIRE(offsets.size() == (depth == 18 ? 4 : 7));
      CHECK(offsets[0].offset.sizes() == at::IntArrayRef{2, 36, 4, 4});
      CHECK(offsets[0].offset.abs().max().item<float>() == 0);
      CHECK(offsets[0].stride == 16);
      REQUIRE(offsets[0].mask.has_value() == modulated);
      if (modulated) CHECK((*offsets[0].mask == 1).all().item<bool>());
      for (auto& item : deformable->named_parameters())
        if (item.key().ends_with("offset.bias")) item.value().fill_(0.7);
      CHECK_FALSE(at::allclose(deformable->forward(images).back(), expected, 1e-3, 1e-4));
      CHECK((deformable->offsets(images)[0].offset == 0.7f).all().item<bool>());
    }
}

TEST_CASE("all 3x3 convolutions of a dilated stage 4 have dilation 2") {
  torch::manual_seed(2);
  ResNet net(ResNetOptions{.depth = 18, .dilate_stage4 = true});
  net->eval();
  auto input = torch::rand({1, 256, 33, 33}).requires_grad_();
  net->run_stage(4, input)[0].slice(1, 16, 17).slice(2, 16, 17).sum().backward();
  const auto receptive_field = torch::nonzero(input.grad()[0].abs().sum(0));
  CHECK(receptive_field.select(1, 0).min().item<int64_t>() == 16 - 4 * 2);
  CHECK(receptive_field.select(1, 0).max().item<int64_t>() == 16 + 4 * 2);
}
