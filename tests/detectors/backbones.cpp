#include "lanner/detectors/backbones/fpn.h"

#include "tests/catch.h"
#include "tests/detectors/make_detector.h"

using namespace lanner::detectors;
using lanner::tests::parameters;

TEST_CASE("ResNets have torchvision's number of parameters, less the classifier") {
  CHECK(parameters(*ResNet(18, Norm::batch)) == 11'689'512 - 513'000);
  CHECK(parameters(*ResNet(34, Norm::batch)) == 21'797'672 - 513'000);
  CHECK(parameters(*ResNet(50, Norm::batch)) == 25'557'032 - 2'049'000);
  CHECK(parameters(*ResNet(101, Norm::batch)) == 44'549'160 - 2'049'000);
}

TEST_CASE("stages and levels have the sizes and channels that they promise") {
  const torch::NoGradGuard no_grad;
  for (const auto norm : {Norm::frozen_batch, Norm::batch, Norm::group, Norm::layer}) {
    Backbone backbone(BackboneOptions{.depth = 18, .norm = norm, .fpn_channels = 32});
    const auto levels = backbone->forward(torch::rand({2, 3, 64, 96}));
    REQUIRE(levels.size() == 5);
    CHECK(levels[0].sizes() == at::IntArrayRef{2, 32, 16, 24});
    CHECK(levels[3].sizes() == at::IntArrayRef{2, 32, 2, 3});
    CHECK(levels[4].sizes() == at::IntArrayRef{2, 32, 1, 2});
  }
  Backbone coarse(
      BackboneOptions{.depth = 50, .fpn_stages = {3, 4}, .fpn_channels = 16, .fpn_pool = false});
  const auto levels = coarse->forward(torch::rand({1, 3, 64, 64}));
  REQUIRE(levels.size() == 2);
  CHECK(levels[0].size(2) == 4);
}

TEST_CASE("frozen batch norm is a fixed line, and has nothing to learn") {
  NormLayer norm(Norm::frozen_batch, 2);
  CHECK(norm->parameters().empty());
  norm->weight.fill_(2), norm->bias.fill_(1), norm->running_mean.fill_(3),
      norm->running_var.fill_(4);
  norm->eps = 0;
  CHECK(at::allclose(norm(torch::full({1, 2, 1, 1}, 5.)), torch::full({1, 2, 1, 1}, 3.f)));
}

TEST_CASE("train_last freezes from the beginning") {
  ResNet net(18, Norm::batch);
  net->train_last(3);
  for (const auto& item : net->named_parameters()) {
    const auto& name = item.key();
    const bool frozen =
        name.rfind("conv1", 0) == 0 || name.rfind("bn1", 0) == 0 || name.rfind("layer1", 0) == 0;
    CHECK(item.value().requires_grad() == !frozen);
  }
}

TEST_CASE("RoIs are pooled at the strides of the stages, whatever the images' sizes") {
  BackboneOptions options;
  options.depth = 18;
  options.fpn_stages = {2, 3};
  CHECK(Backbone(options)->roi_scales == std::vector<double>{1. / 8, 1. / 16});
}

TEST_CASE("an eps of the norm reaches every layer of the body") {
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
