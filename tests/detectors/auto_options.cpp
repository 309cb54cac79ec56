#include "lanner/detectors/auto_options.h"

#include <map>

#include "tests/catch.h"

using namespace lanner;
using namespace lanner::detectors;

namespace {

using Choices = std::map<std::string, std::string>;

datasets::DataSummary data() {
  return {.images = 500,
          .objects = 2500,
          .classes = 5,
          .width = 640,
          .height = 480,
          .sides = {20, 40, 80, 160, 240},
          .ratios = {0.7, 1.5},
          .objects_per_image = 12};
}

Choices choices(const datasets::DataSummary& data, double minutes = 12) {
  Choices all;
  const Machine machine{.cores = 2, .bfloat16 = true, .memory = 24};
  for (const auto& choice :
       choose_options({.data = data, .machine = machine, .max_minutes = minutes})) {
    CHECK(!choice.reason.empty());
    all[choice.option] = choice.value;
  }
  return all;
}

// Checks the choices named in `expected`.
void check(const Choices& all, const Choices& expected) {
  for (const auto& [option, value] : expected) {
    INFO(option);
    CHECK(all.at(option) == value);
  }
}

}  // namespace

TEST_CASE("the choice for six kinds of data on two cores") {
  SECTION("tiny objects") {
    auto tiny = data();
    tiny.width = 1024, tiny.height = 768, tiny.sides = {6, 9, 15, 30, 50};
    check(choices(tiny), {{"resize.min_size", "768"},
                          {"backbone.fpn_stages", "1,2,3,4"},
                          {"anchors.sizes", "7,9;11,15;20,26;34,45"},
                          {"object_crop", "256"}});
  }
  SECTION("huge objects") {
    auto huge = data();
    huge.sides = {200, 260, 320, 400, 450};
    check(choices(huge), {{"resize.min_size", "192"},
                          {"resize.max_size", "264"},
                          {"backbone.fpn_stages", "2,3,4"},
                          {"anchors.sizes", "68,85;107,133;167,209"}});
  }
  SECTION("one class") {
    auto one = data();
    one.classes = 1;
    check(choices(one), {{"backbone.width", "16"}, {"batch_size", "7"}});
  }
  SECTION("200 classes") {
    auto many = data();
    many.classes = 200;
    check(choices(many), {{"backbone.width", "16"}, {"roi.max_detections", "100"}});
  }
  SECTION("long thin boxes") {
    auto thin = data();
    thin.ratios = {0.1, 0.4};
    check(choices(thin), {{"anchors.ratios", "0.13,0.2,0.308"}});
    thin.ratios = {0.2, 5};
    check(choices(thin), {{"anchors.ratios", "0.26,1,3.85"}});
  }
  SECTION("3,000 pixels wide") {
    auto wide = data();
    wide.width = 3000, wide.height = 2000, wide.sides = {60, 120, 250, 500, 900};
    check(choices(wide), {{"resize.min_size", "640"}, {"resize.max_size", "968"}});
  }
}

TEST_CASE("more time, and a GPU, allow a wider backbone") {
  CHECK(choices(data(), 5).at("backbone.width") == "16");
  CHECK(choices(data(), 30).at("backbone.width") == "32");
  CHECK(choices(data(), 240).at("backbone.width") == "64");
  const Machine gpu{.cores = 8, .memory = 64, .gpu = true};
  for (const auto& choice : choose_options({.data = data(), .machine = gpu, .max_minutes = 5}))
    if (choice.option == "backbone.width") CHECK(choice.value == "64");
}

TEST_CASE("images are not mirrored where classes tell left from right") {
  auto hands = data();
  CHECK(choices(hands).at("horizontal_flip") == "0.5");
  hands.mirroring_changes_classes = true;
  CHECK(choices(hands).at("horizontal_flip") == "0");
}

TEST_CASE("the weights to start from decide the architecture") {
  DetectorOptions init;
  init.backbone.depth = 34;
  init.anchors.ratios = {0.5, 2};
  Choices all;
  for (const auto& choice :
       choose_options({.data = data(), .machine = {}, .max_minutes = 12, .init = init}))
    all[choice.option] = choice.value;
  check(all, {{"backbone.depth", "34"},
              {"backbone.norm", "frozen_batch"},
              {"backbone.trainable_stages", "3"},
              {"anchors.ratios", "0.5,2"},
              {"rpn.post_nms_test", "1000"}});
  CHECK(!all.contains("roi.score_threshold"));
}
