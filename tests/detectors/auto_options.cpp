#include "lanner/detectors/auto_options.h"

#include <map>
#include <set>

#include "tests/catch.h"

using namespace lanner;
using namespace lanner::detectors;

namespace {

using Choices = std::map<std::string, std::string>;

datasets::DataSummary data() {
  return {.images = 500,
          .objects = 2500,
          .classes = 5,
          .short_side = 480,
          .long_side = 640,
          .sides = {20, 40, 80, 160, 240},
          .ratios = {0.7, 1.5},
          .objects_per_image = 12};
}

TrainOptions limited_to(double minutes) {
  TrainOptions options;
  options.loop.max_minutes = minutes;
  return options;
}

Choices choices(const AutoInput& input) {
  Choices all;
  for (const auto& choice : choose_options(input)) {
    CHECK(!choice.reason.empty());
    CHECK(all.emplace(choice.option, choice.value).second);
  }
  return all;
}

constexpr Machine kTwoCores{.cores = 2, .bfloat16 = true, .memory = 24};

Choices choices(const datasets::DataSummary& data, double minutes = 12) {
  return choices({.data = data, .machine = kTwoCores, .options = limited_to(minutes)});
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
    tiny.short_side = 768, tiny.long_side = 1024, tiny.sides = {6, 9, 15, 30, 50};
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
    thin.ratios = {0.3, 0.31};
    check(choices(thin), {{"anchors.ratios", "0.305"}});
    thin.ratios = {0.2, 5};
    check(choices(thin), {{"anchors.ratios", "0.26,1,3.85"}});
  }
  SECTION("3,000 pixels wide") {
    auto wide = data();
    wide.short_side = 2000, wide.long_side = 3000, wide.sides = {60, 120, 250, 500, 900};
    check(choices(wide), {{"resize.min_size", "640"}, {"resize.max_size", "968"}});
  }
}

TEST_CASE("more time, and a GPU, allow a wider backbone") {
  CHECK(choices(data(), 5).at("backbone.width") == "16");
  CHECK(choices(data(), 30).at("backbone.width") == "32");
  CHECK(choices(data(), 240).at("backbone.width") == "64");
  const Machine gpu{.cores = 8, .memory = 64, .gpu = true};
  CHECK(choices({.data = data(), .machine = gpu, .options = limited_to(5)}).at("backbone.width") ==
        "64");
}

TEST_CASE("few whole images are varied more; many, and crops, are not") {
  auto drawn = data();
  drawn.images = 40, drawn.short_side = 192, drawn.long_side = 256;
  check(choices(drawn), {{"mosaic", "0.5"}, {"cutout", "0.5"}, {"color_jitter", "0.5"}});
  drawn.images = 5000;
  CHECK(choices(drawn).at("color_jitter") == "0.3");
  CHECK_FALSE(choices(drawn).contains("mosaic"));
  auto cropped = data();
  cropped.images = 40, cropped.short_side = 1500, cropped.long_side = 2000;
  CHECK(choices(cropped).contains("object_crop"));
  CHECK_FALSE(choices(cropped).contains("mosaic"));
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
  const auto all = choices({.data = data(), .machine = {}, .init = init});
  check(all, {{"backbone.depth", "34"},
              {"backbone.norm", "frozen_batch"},
              {"backbone.trainable_stages", "3"},
              {"anchors.ratios", "0.5,2"},
              {"rpn.post_nms_test", "1000"}});
  CHECK(!all.contains("roi.score_threshold"));
}

TEST_CASE("weights to start from do not limit the objects per image") {
  auto crowded = data();
  crowded.objects_per_image = 400;
  const DetectorOptions init;
  check(choices({.data = crowded, .machine = {}, .init = init}),
        {{"rpn.post_nms_test", "2000"}, {"roi.max_detections", "600"}});
}

TEST_CASE(
    "of weights to start from, a diffusion detector's head is taken, and no other's mentioned") {
  DetectorOptions init;
  CHECK_FALSE(choices({.data = data(), .machine = {}, .init = init}).contains("diffusion.stages"));
  init.model = "diffusion", init.diffusion.stages = 3, init.sampling.boxes = 100;
  check(choices({.data = data(), .machine = {}, .init = init}),
        {{"model", "diffusion"}, {"diffusion.stages", "3"}, {"boxes", "100"}});
}

TEST_CASE("options that are given are not chosen, and the choice of others respects them") {
  AutoInput input{.data = data(), .machine = kTwoCores, .options = limited_to(12)};
  std::set<std::string> given;
  input.is_given = [&](const std::string& option) { return given.contains(option); };
  const auto with = [&](const std::set<std::string>& options) {
    given = options;
    auto all = choices(input);
    for (const auto& option : options) CHECK(!all.contains(option));
    return all;
  };
  input.options.detector.resize = {.min_size = 96, .max_size = 128};
  check(with({"resize.min_size"}), {{"anchors.sizes", "4,6;8,12;16,22;31,43"}});
  check(with({"resize.min_size", "resize.max_size"}), {{"batch_size", "16"}});
  input.options.loop.batch_size = 1;
  check(with({"batch_size"}), {{"lr", "0.01"}, {"epochs", "100000"}});
  input.options.detector.backbone.width = 64;
  check(with({"backbone.width"}), {{"backbone.fpn_channels", "96"}});
  input.options.detector.backbone.fpn_stages = {2, 3};
  check(with({"backbone.fpn_stages"}), {{"anchors.sizes", "22,47;101,216"}});
  input.options.detector.backbone.neck = Neck::c4;
  check(with({"backbone.neck"}), {{"anchors.sizes", "22,35,55,87,137,216"}});
}

TEST_CASE("without a limit of time a run has 6,000 steps, or the epochs that are given") {
  AutoInput input{.data = data(), .machine = kTwoCores, .options = limited_to(0)};
  check(choices(input), {{"max_steps", "6000"}});
  input.is_given = [](const std::string& option) { return option == "epochs"; };
  CHECK_FALSE(choices(input).contains("max_steps"));
  input.options = limited_to(12);
  CHECK_FALSE(choices(input).contains("max_steps"));
}
