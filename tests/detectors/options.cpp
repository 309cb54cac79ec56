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
      ContainsSubstring("anchor-sizes: expected a list for each of the 3 FPN levels, got 2"));
  options = tiny_options();
  options.backbone.fpn_stages = {2, 4};
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("fpn-stages"));
  options = tiny_options(0);
  CHECK_THROWS_WITH(options.check(), ContainsSubstring("num_classes: expected at least one class"));
  BackboneOptions backbone;
  CHECK_THROWS_WITH(set_backbone(backbone, "vgg16"), ContainsSubstring("got \"vgg16\""));
  CHECK_THROWS_WITH(norm_from_name("layers"), ContainsSubstring("norm: expected"));
  CHECK_THROWS_WITH(preset("huge"), ContainsSubstring("preset: expected one of"));
  CHECK_THROWS_WITH(options_from_json("{}", "w.safetensors"),
                    ContainsSubstring("w.safetensors: architecture:"));
}
