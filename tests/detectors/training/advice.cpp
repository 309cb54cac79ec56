#include "lanner/detectors/training/advice.h"

#include <torch/nn/modules/linear.h>
#include <algorithm>

#include "lanner/detectors/training/advisor.h"
#include "lanner/detectors/training/schedule.h"
#include "tests/catch.h"

using namespace lanner;
using namespace lanner::detectors;

namespace {

std::vector<std::string> kinds(const AdviceList& advice) {
  std::vector<std::string> names;
  for (const auto& item : advice) names.push_back(item.kind);
  return names;
}

// 100 images with one object of `side` pixels of each class.
datasets::Dataset data(double side, const std::vector<std::string>& classes = {"cat", "dog"}) {
  datasets::Dataset data;
  for (const auto& name : classes) data.categories.push_back({1, name});
  for (int i = 0; i < 100; ++i) {
    datasets::ImageRecord image{i, {}, 640, 480, {}};
    for (size_t c = 0; c < classes.size(); ++c)
      image.objects.push_back({.box = {0, 0, side, side}, .label = static_cast<int64_t>(c) + 1});
    data.images.push_back(image);
  }
  return data;
}

TrainOptions options() {
  TrainOptions options;
  options.detector.anchors = {.sizes = {{32}, {64}, {128}}, .ratios = {1}};
  options.detector.resize = {.min_size = 480, .max_size = 640};
  options.loop.batch_size = 4;
  return options;
}

// A window of a run that learns.
WindowSummary sound() {
  WindowSummary window{.progress = 0.8,
                       .loss = 0.5,
                       .first_loss = 1.5,
                       .data_wait = 0.01,
                       .relative_update = 0.001,
                       .classes = 2,
                       .majority_class = 0.5};
  window.gauges = {.images = 800,
                   .objects = {0, 0, 1000, 0},
                   .proposed = {0, 0, 900, 0},
                   .positives = 5000,
                   .found = 4000,
                   .right_class = 4500};
  return window;
}

}  // namespace

TEST_CASE("sound data, windows and evaluations get no advice") {
  CHECK(kinds(advise_on_data(options(), data(60), data(60))).empty());
  CHECK(kinds(advise_on_data(options(), data(60), {})).empty());
  CHECK(kinds(advise_on_window(options(), sound())).empty());
  CHECK(kinds(advise_on_evaluation(
                  {.progress = 1, .val_AP50 = 0.4, .val_AP75 = 0.2, .train_AP50 = 0.6}))
            .empty());
}

TEST_CASE("data that anchors, image size or classes do not suit get the advice that helps") {
  using Kinds = std::vector<std::string>;
  CHECK(kinds(advise_on_data(options(), data(3), data(3))) ==
        Kinds{"tiny objects", "small objects"});
  CHECK(kinds(advise_on_data(options(), data(12), data(12))) == Kinds{"small objects"});
  CHECK(kinds(advise_on_data(options(), data(400), data(400))) == Kinds{"large objects"});
  auto val = data(60);
  for (auto& image : val.images) image.objects.resize(1);
  CHECK(kinds(advise_on_data(options(), data(60), val)) == Kinds{"classes missing in val"});
  CHECK(kinds(advise_on_data(options(), val, data(60))) == Kinds{"classes missing in train"});
  CHECK(kinds(advise_on_data(options(), data(60, {"left hand", "right hand"}), {})) ==
        Kinds{"mirrored classes"});
  auto frozen = options();
  frozen.detector.backbone.trainable_stages = 0;
  CHECK(kinds(advise_on_data(frozen, data(60), {})) == Kinds{"frozen random weights"});
  auto single = options();
  single.loop.batch_size = 1;
  CHECK(kinds(advise_on_data(single, data(60), {})) == Kinds{"batch of one"});
}

TEST_CASE("long lists of classes are cut") {
  std::vector<std::string> names;
  for (int i = 0; i < 30; ++i) names.push_back("class" + std::to_string(i));
  const auto advice = advise_on_data(options(), data(60, names), {{}, {{1, {}, 640, 480, {}}}});
  REQUIRE(kinds(advice) == std::vector<std::string>{"classes missing in val"});
  CHECK_THAT(advice[0].text, ContainsSubstring("class9 and 20 other classes"));
}

TEST_CASE("crops show long objects smaller, which their anchors reach") {
  auto cropped = options();
  cropped.augment.object_crop = 160;
  CHECK(kinds(advise_on_data(cropped, data(400), {})).empty());
}

TEST_CASE("windows of broken runs get the advice that names the fault") {
  const auto advice = [](auto change) {
    auto window = sound();
    change(window);
    return kinds(advise_on_window(options(), window));
  };
  using Kinds = std::vector<std::string>;
  CHECK(advice([](auto& w) { w.relative_update = 0.1; }) == Kinds{"learning rate too high"});
  CHECK(advice([](auto& w) { w.relative_update = 5e-5, w.gauges.found = 10; }) ==
        Kinds{"learning rate too low"});
  CHECK(advice([](auto& w) { w.loss = 1.6, w.gauges.found = 1000; }) ==
        Kinds{"loss does not fall"});
  CHECK(advice([](auto& w) { w.loss = 1.6; }).empty());
  CHECK(advice([](auto& w) { w.gauges.found = 10; }) == Kinds{"only background"});
  CHECK(advice([](auto& w) { w.gauges.found = 10, w.progress = 0.05; }).empty());
  CHECK(advice([](auto& w) { w.data_wait = 0.5; }) == Kinds{"waiting for data"});
  CHECK(advice([](auto& w) { w.gauges.proposed[2] = 100; }) == Kinds{"objects are not proposed"});
  CHECK(advice([](auto& w) { w.gauges.right_class = 2600; }) == Kinds{"classes are confused"});
}

TEST_CASE("steps of one percent after a long warm-up are no fault") {
  TrainOptions options;
  options.loop.warmup_steps = 1000, options.loop.schedule = "cosine";
  datasets::Dataset data;
  data.categories = {{1, "a"}};
  torch::nn::Linear module(8, 8);
  Advisor advisor(options, data, data);
  const torch::NoGradGuard no_grad;
  Gauges gauges;
  gauges.positives = 10, gauges.found = 10, gauges.right_class = 10;
  constexpr int kSteps = 20000;
  for (int step = 0; step < 1400; ++step) {
    const double progress = static_cast<double>(step) / kSteps;
    advisor.begin_step(step, progress, *module);
    module->weight.mul_(1 + 0.01 * schedule_factor(options.loop, step, progress));
    if (advisor.observes(step)) advisor.observe(step, 1, 0, gauges);
  }
  CHECK_THAT(advisor.html(), !ContainsSubstring("changes the weights"));
}

TEST_CASE("evaluations tell overfitting from a val whose boxes are offset") {
  const auto advice = [](const EvaluationSummary& e) { return kinds(advise_on_evaluation(e)); };
  using Kinds = std::vector<std::string>;
  CHECK(advice({.progress = 1, .val_AP50 = 0.2, .val_AP75 = 0.1, .train_AP50 = 0.9}) ==
        Kinds{"overfitting"});
  CHECK(advice({.progress = 1,
                .val_AP50 = 0.2,
                .val_AP75 = 0.1,
                .train_AP50 = 0.9,
                .localization_gain = 0.6}) == Kinds{"val boxes are offset"});
  CHECK(advice({.progress = 1,
                .val_AP50 = 0.01,
                .val_AP75 = 0,
                .train_AP50 = 0.3,
                .localization_gain = 0.2}) == Kinds{"val boxes are offset"});
  CHECK(advice({.progress = 1, .val_AP50 = 0.6, .val_AP75 = 0.02}) == Kinds{"loose boxes"});
  CHECK(advice({.progress = 1, .val_AP50 = -1, .val_AP75 = -1, .train_AP50 = 0.9}).empty());
  CHECK(advice({.progress = 0.2, .val_AP50 = 0.2, .val_AP75 = 0.1, .train_AP50 = 0.9}).empty());
}
