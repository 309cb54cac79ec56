#include "lanner/detectors/options.h"

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;

TEST_CASE("options survive JSON") {
  const auto options = tiny_options();
  CHECK(to_json(options_from_json(to_json(options))) == to_json(options));
}

TEST_CASE("JSON with an unknown field, or one of the wrong type, is rejected by path") {
  CHECK_THROWS_WITH(options_from_json(R"({"roi": {"beat": 1}})"),
                    ContainsSubstring("roi.beat: unknown option"));
  CHECK_THROWS_WITH(options_from_json(R"({"roi": {"beta": "1"}})"),
                    ContainsSubstring("roi.beta: expected a number, got \"1\""));
  CHECK_THROWS_WITH(options_from_json(R"({"roi": {"beta": -1}})"),
                    ContainsSubstring("roi.beta: expected > 0, got -1"));
  CHECK_THROWS_WITH(options_from_json(R"({"rpn": {"conv_depth": 1.5}})"),
                    ContainsSubstring("rpn.conv_depth: expected an integer, got 1.5"));
  CHECK_THROWS_WITH(
      options_from_json(R"({"backbone": {"norm": "layers"}})"),
      ContainsSubstring("backbone.norm: expected frozen_batch, batch, group, layer or "
                        "none, got \"layers\""));
  CHECK_THROWS_WITH(options_from_json(R"({"backbone": 50})"),
                    ContainsSubstring("backbone: expected an object, got 50"));
  CHECK_THROWS_WITH(options_from_json("{"), ContainsSubstring("options:"));
}

TEST_CASE("the options of version 0.1 are read under their old names, and keep its resize") {
  const auto options = options_from_json(
      R"({"roi": {"most_detections": 7}, "normalisation": {"mean": [0.1, 0.2, 0.3]},
          "categories": [{"id": 1, "name": "a"}]})");
  CHECK(options.roi.max_detections == 7);
  CHECK(options.normalization.mean[1] == 0.2f);
  CHECK(options.resize.interpolation == datasets::Interpolation::linear);
  CHECK(DetectorOptions().resize.interpolation == datasets::Interpolation::area);
}

TEST_CASE("options that contradict each other are rejected by path") {
  auto options = tiny_options();
  options.anchors.sizes.pop_back();
  CHECK_THROWS_WITH(
      options.check(),
      ContainsSubstring(
          "anchors.sizes: expected a list for each of the 3 levels of resnet18-fpn, got "));
  options = tiny_options();
  options.backbone.fpn_stages = {2, 4};
  CHECK_THROWS_WITH(options.check(),
                    ContainsSubstring("backbone.fpn_stages: expected consecutive stages, got 2,4"));
  options = tiny_options(0);
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("num_classes: expected at least one class"));
  options = tiny_options();
  CHECK_THROWS_WITH(set_backbone(options, "vgg16"), ContainsSubstring("got \"vgg16\""));
  CHECK_THROWS_WITH(set_backbone(options, "resnet18-c6"), ContainsSubstring("got \"resnet18-c6\""));
  options.model = "rfcn";
  set_backbone(options, "resnet18-c4");
  CHECK_THROWS_WITH(options.check(),
                    ContainsSubstring("backbone: expected a name that ends in -dc5"));
  options = tiny_detectors().at("rfcn, deformable");
  options.roi.pooling = Pooling::roi_align;
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("roi.pooling: expected roi_pool"));
  options = tiny_options();
  options.backbone.fpn_stages = {1, 2, 3};
  options.backbone.deformable.stages = {4};
  CHECK_THROWS_WITH(options.check(),
                    ContainsSubstring("backbone.deformable.stages: expected stages that"));
  options = tiny_options();
  options.roi.pooled_size = 0;
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("roi.pooled_size: expected 1 to 64, got 0"));
  options.model = "yolo";
  CHECK_THROWS_WITH(options.check(),
                    ContainsSubstring("model: expected faster_rcnn, rfcn or diffusion"));
  CHECK_THROWS_WITH(preset("huge"), ContainsSubstring("preset: expected one of"));
}

TEST_CASE("the options of every preset are valid") {
  for (const auto& known : presets()) {
    INFO(known.name);
    auto options = known.options.detector;
    options.categories.push_back({1, "a"});
    CHECK_NOTHROW(options.check());
  }
}

TEST_CASE("anchors follow the backbone's number of levels") {
  auto options = preset("faster_rcnn_resnet50_fpn").options.detector;
  options.categories.push_back({1, "a"});
  const auto sizes = options.anchors.sizes;
  set_backbone(options, "resnet101-c4");
  CHECK(options.anchors.sizes == std::vector<std::vector<double>>{{32, 64, 128, 256, 512}});
  CHECK(backbone_name(options.backbone) == "resnet101-c4");
  options.check();
  set_backbone(options, "resnet50-fpn");
  CHECK(options.anchors.sizes == sizes);
  options.check();
}
