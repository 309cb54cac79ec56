#include "lanner/detectors/options.h"

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;

TEST_CASE("options come back from JSON as they were") {
  const auto options = tiny_options();
  CHECK(to_json(options_from_json(to_json(options), "x")) == to_json(options));
}

TEST_CASE("options that make no sense are refused by name") {
  auto options = tiny_options();
  options.anchors.sizes.pop_back();
  CHECK_THROWS_WITH(
      options.check(),
      ContainsSubstring(
          "anchor-sizes: expected a list for each of the 3 levels of resnet18-fpn, got 2"));
  options = tiny_options();
  options.backbone.fpn_stages = {2, 4};
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("fpn-stages"));
  options = tiny_options(0);
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("num_classes: expected at least one class"));
  options = tiny_options();
  CHECK_THROWS_WITH(set_backbone(options, "vgg16"), ContainsSubstring("got \"vgg16\""));
  CHECK_THROWS_WITH(set_backbone(options, "resnet18-c6"), ContainsSubstring("got \"resnet18-c6\""));
  options.model = "rfcn";
  set_backbone(options, "resnet18-c4");
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("backbone: expected one that ends in -dc5"));
  options = tiny_detectors().at("rfcn, deformable");
  options.roi.pooling = Pooling::roi_align;
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("pooling: expected roi_pool"));
  options = tiny_options();
  options.backbone.fpn_stages = {1, 2, 3};
  options.backbone.deformable.stages = {4};
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("deformable-stages: expected stages that"));
  options = tiny_options();
  options.roi.pooled_size = 0;
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("pooled-size: expected 1 to 64, got 0"));
  options.model = "yolo";
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("model: expected faster_rcnn or rfcn"));
  CHECK_THROWS_WITH(pooling_from_name("max"),
                    ContainsSubstring("roi_align, roi_pool, got \"max\""));
  CHECK_THROWS_WITH(norm_from_name("layers"), ContainsSubstring("norm: expected"));
  CHECK_THROWS_WITH(preset("huge"), ContainsSubstring("preset: expected one of"));
  CHECK_THROWS_WITH(options_from_json("{}", "w.safetensors"),
                    ContainsSubstring("w.safetensors: architecture:"));
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
