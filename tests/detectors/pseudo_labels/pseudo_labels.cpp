#include <array>
#include <opencv2/imgproc.hpp>

#include "lanner/datasets/images/strong_view.h"
#include "lanner/datasets/synthetic.h"
#include "lanner/detectors/backbones/backbone.h"
#include "lanner/detectors/pseudo_labels/class_thresholds.h"
#include "lanner/detectors/pseudo_labels/teacher.h"
#include "lanner/detectors/roi_heads/roi_targets.h"
#include "lanner/detectors/rpn/rpn.h"
#include "lanner/detectors/training/ema.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "lanner/ops/roi_align.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;

namespace {

// Two views of two images of a synthetic set.
datasets::ViewPairs some_pairs(const fs::path& folder,
                               const datasets::StrongViewOptions& strong = {}) {
  datasets::write_synthetic({.out = folder, .images = 6, .width = 128, .height = 96});
  const auto data = datasets::open_dataset(folder.string() + ":train");
  const auto loader = datasets::view_pair_loader(
      data, {.batch_size = 2, .seed = 4, .resize = {.min_size = 96, .max_size = 128}}, strong,
      {.batches = 1});
  return *loader->next();
}

Detector a_teacher() {
  torch::manual_seed(2);
  auto options = tiny_options();
  options.roi.score_threshold = 0;
  Detector teacher(options);
  teacher->eval();
  return teacher;
}

}  // namespace

TEST_CASE("thresholds give each class as many pseudo-boxes as it has objects, rare ones too") {
  // A common class with scores that are high, and one in twenty views with scores that are low.
  torch::manual_seed(0);
  ClassThresholds thresholds({4, 0.05}, {.min_score = 0.01, .max_score = 0.99, .window = 400});
  int64_t common = 0, rare = 0;
  for (int view = 0; view < 1000; ++view) {
    const auto scores = torch::rand({11});
    scores[10] *= 0.5;
    auto labels = torch::ones({11}, torch::kLong);
    labels[10] = 2;
    thresholds.add(labels, scores);
    if (view < 600) continue;
    common += (scores.slice(0, 0, 10) >= thresholds(1)).sum().item<int64_t>();
    rare += (scores[10] >= thresholds(2)).item<bool>();
  }
  CHECK(common / 400. == Approx(4).epsilon(0.05));
  CHECK(rare / 400. == Approx(0.05).margin(0.02));
  CHECK(thresholds.all()[1].item<double>() == Approx(thresholds(1)));
}

TEST_CASE("thresholds stay within their bounds, are careful at first, and forget old views") {
  ClassThresholds thresholds({3, 0}, {.min_score = 0.2, .max_score = 0.9, .window = 60});
  const auto one = torch::ones({1}, torch::kLong);
  thresholds.add(one, torch::tensor({0.5f}));
  CHECK(thresholds(1) == Approx(0.7));  // few views
  for (int i = 0; i < 60; ++i) thresholds.add(one, torch::tensor({0.5f}));
  CHECK(thresholds(1) == Approx(0.2));  // three are wanted, one is found
  CHECK(thresholds(2) == Approx(0.9));  // not in the labels
  for (int i = 0; i < 60; ++i) thresholds.add(one.repeat({9}), torch::full({9}, 0.95f));
  CHECK(thresholds(1) == Approx(0.9));
}

TEST_CASE("the state of thresholds is restored exactly, and what is no state is refused") {
  torch::manual_seed(1);
  const PseudoLabelOptions options{.window = 70};
  ClassThresholds thresholds({2, 1}, options), restored({2, 1}, options);
  for (int i = 0; i < 100; ++i) {
    const auto count = torch::randint(0, 6, {1}).item<int64_t>();
    thresholds.add(torch::randint(1, 3, {count}, torch::kLong), torch::rand({count}));
  }
  restored.load_state(thresholds.state(), "file");
  CHECK(torch::equal(restored.all(), thresholds.all()));
  thresholds.add(torch::ones({1}, torch::kLong), torch::rand({1}));
  ClassThresholds empty({2, 1}, options);
  restored.load_state(empty.state(), "file");
  CHECK(torch::equal(restored.all(), empty.all()));
  CHECK_THROWS_WITH(restored.load_state({}, "file"),
                    ContainsSubstring("file: training.pseudo.counts: missing"));
}

TEST_CASE("boxes are mapped as datasets::mapped does") {
  const cv::Matx23d map(-1.2, 0, 150, 0, 0.8, -7);
  const auto boxes = torch::tensor({10.f, 20.f, 50.f, 90.f, 0.f, 0.f, 5.f, 4.f}).view({2, 4});
  const auto ours = map_boxes(boxes, map);
  for (int64_t i = 0; i < 2; ++i) {
    const auto* b = boxes[i].data_ptr<float>();
    const auto expected = datasets::mapped({b[0], b[1], b[2], b[3]}, map);
    CHECK(ours[i][0].item<double>() == Approx(expected.x1));
    CHECK(ours[i][1].item<double>() == Approx(expected.y1));
    CHECK(ours[i][2].item<double>() == Approx(expected.x2));
    CHECK(ours[i][3].item<double>() == Approx(expected.y2));
  }
  CHECK(map_boxes(torch::zeros({0, 4}), map).sizes() == at::IntArrayRef{0, 4});
}

TEST_CASE("the two views of an image are of the same pixels where the map says so") {
  const TemporaryFolder folder;
  datasets::write_synthetic({.out = folder.path, .images = 6, .width = 128, .height = 96});
  const auto data = datasets::open_dataset(folder.path.string() + ":train");
  const double mosaic = GENERATE(0, 1);
  const datasets::StrongViewOptions geometry{
      .color = 0, .gray = 0, .blur = 0, .cutout = 0, .mosaic = mosaic};
  const auto pairs =
      *datasets::view_pair_loader(
           data, {.batch_size = 2, .seed = 4, .resize = {.min_size = 96, .max_size = 128}},
           geometry, {.batches = 1})
           ->next();
  for (int64_t n = 0; n < 2; ++n) {
    // Small boxes of a weak view have the mean colors that their mapped ones have in the strong.
    int compared = 0;
    for (const auto& [weak_view, map, area] : pairs.parts[n]) {
      for (float x = 8; x < 112; x += 8) {
        for (float y = 8; y < 80; y += 8) {
          const auto weak = torch::tensor({x, y, x + 8, y + 8}).view({1, 4});
          const auto strong = map_boxes(weak, map);
          const auto* b = strong.data_ptr<float>();
          if (b[0] < area.x + 1 || b[1] < area.y + 1 || b[2] > area.br().x - 1 ||
              b[3] > area.br().y - 1)
            continue;
          const auto mean = [](const datasets::Batch& batch, int64_t view, const at::Tensor& box) {
            const auto rois = torch::cat({torch::full({1, 1}, double(view)), box}, 1);
            return ops::roi_align(batch.images, rois,
                                  {.spatial_scale = 1,
                                   .pooled_height = 1,
                                   .pooled_width = 1,
                                   .sampling_ratio = 4})
                .flatten();
          };
          const auto difference =
              (mean(pairs.weak, weak_view, weak) - mean(pairs.strong, n, strong)).abs().max();
          // In standard deviations; edges blur, and more where a mosaic shrinks them.
          CHECK(difference.item<float>() < (mosaic ? 1 : 0.6));
          ++compared;
        }
      }
    }
    CHECK(compared > 40);
  }
}

TEST_CASE("pseudo-labels have no gradients, and the losses on them reach the student alone") {
  const TemporaryFolder folder;
  const double mixed = GENERATE(0, 1);
  auto pairs = some_pairs(folder.path, {.mosaic = mixed / 2, .mixup = mixed});
  auto teacher = a_teacher();
  torch::manual_seed(3);
  Detector student(tiny_options());
  const PseudoLabelOptions options{.min_score = 0, .max_score = 0.01, .window = 60};
  ClassThresholds thresholds({50, 50}, options);
  for (int i = 0; i < 60; ++i) thresholds.add(torch::zeros({0}, torch::kLong), torch::zeros({0}));
  const auto labels = label_views(teacher, pairs, thresholds, options);
  set_pseudo_targets(pairs, labels);
  REQUIRE(labels.boxes[0].size(0) > 0);
  CHECK_FALSE(labels.boxes[0].requires_grad());
  const auto losses = student->losses(pairs.strong, nullptr, labels.weights);
  losses.total().backward();
  for (const auto& parameter : teacher->parameters()) CHECK_FALSE(parameter.grad().defined());
  double norm = 0;
  for (const auto& parameter : student->parameters())
    if (parameter.grad().defined()) norm += parameter.grad().norm().item<double>();
  CHECK(norm > 0);
  for (size_t n = 0; n < 2; ++n) {
    const auto& boxes = pairs.strong.boxes[n];
    if (!mixed) CHECK(boxes.size(0) <= labels.boxes[n].size(0));
    CHECK(boxes.size(0) == pairs.strong.labels[n].size(0));
    CHECK(boxes.size(0) == pairs.strong.box_weights[n].size(0));
    CHECK((boxes.slice(1, 2, 4) - boxes.slice(1, 0, 2) >= 1).all().item<bool>());
  }
}

TEST_CASE("pseudo-targets are the boxes of the weak views where the strong ones show them") {
  const TemporaryFolder folder;
  const double mixed = GENERATE(0, 1);
  auto pairs = some_pairs(folder.path, {.scale = 0.6, .shift = 0.5, .mosaic = mixed});
  PseudoLabels labels;
  for (int n = 0; n < 2; ++n) {
    labels.boxes.push_back(torch::tensor({{5.f, 5.f, 30.f, 40.f},
                                          {60.f, 20.f, 90.f, 50.f},
                                          {100.f, 70.f, 127.f, 95.f},
                                          {0.f, 0.f, 5.f, 5.f},
                                          {123.f, 0.f, 128.f, 5.f},
                                          {2.f, 50.f, 120.f, 60.f + n}}));
    labels.labels.push_back(torch::tensor({1, 2, 1, 2, 1, 2}) + n);
    labels.scores.push_back(torch::ones({6}));
    labels.steady.push_back(torch::tensor({1.f, 0.f, 0.f, 1.f, 1.f, 0.f}));
  }
  set_pseudo_targets(pairs, labels);
  int64_t dropped = 0;
  for (size_t n = 0; n < 2; ++n) {
    int64_t row = 0;
    for (const auto& [weak, map, area] : pairs.parts[n])
      for (int64_t i = 0; i < 6; ++i) {
        const auto* b = labels.boxes[weak].data_ptr<float>() + 4 * i;
        const auto whole = datasets::mapped({b[0], b[1], b[2], b[3]}, map);
        const datasets::Box inside{
            std::max<double>(whole.x1, area.x), std::max<double>(whole.y1, area.y),
            std::min<double>(whole.x2, area.br().x), std::min<double>(whole.y2, area.br().y)};
        if (inside.width() < 1 || inside.height() < 1 ||
            inside.width() * inside.height() < 0.25 * whole.width() * whole.height()) {
          ++dropped;
          continue;
        }
        REQUIRE(row < pairs.strong.boxes[n].size(0));
        const auto* box = pairs.strong.boxes[n][row].data_ptr<float>();
        CHECK(box[0] == Approx(inside.x1).margin(1e-3));
        CHECK(box[1] == Approx(inside.y1).margin(1e-3));
        CHECK(box[2] == Approx(inside.x2).margin(1e-3));
        CHECK(box[3] == Approx(inside.y2).margin(1e-3));
        CHECK(pairs.strong.labels[n][row].item<int64_t>() ==
              labels.labels[weak][i].item<int64_t>());
        CHECK(pairs.strong.box_weights[n][row].item<float>() ==
              labels.steady[weak][i].item<float>());
        ++row;
      }
    CHECK(row == pairs.strong.boxes[n].size(0));
  }
  CHECK(dropped > 0);
}

TEST_CASE("background counts as much as the teacher takes it for background, objects fully") {
  const TemporaryFolder folder;
  const double mixed = GENERATE(0, 1);
  const auto pairs = some_pairs(folder.path, {.mosaic = mixed});
  auto teacher = a_teacher();
  const PseudoLabelOptions options;
  ClassThresholds thresholds({1, 1}, options);
  const auto labels = label_views(teacher, pairs, thresholds, options);
  std::vector<std::array<float, 5>> rois;
  for (const float view : {0.f, 1.f})
    for (const float x : {4.f, 40.f, 90.f})
      for (const float y : {6.f, 64.f}) rois.push_back({view, x, y, x + 20, y + 25});
  RoiTargets targets;
  targets.rois.rois = torch::from_blob(rois.data(), {std::ssize(rois), 5}).clone();
  targets.labels = torch::zeros({std::ssize(rois)}, torch::kLong);
  targets.labels[3] = 1;
  const auto weights = labels.weights(targets);
  const auto features = teacher->features(pairs.weak);
  int compared = 0;
  for (size_t i = 0; i < rois.size(); ++i) {
    const auto [view, x1, y1, x2, y2] = rois[i];
    const double x = (x1 + x2) / 2, y = (y1 + y2) / 2;
    double expected = 1;
    for (const auto& [weak, map, area] : pairs.parts[static_cast<size_t>(view)]) {
      if (i == 3 || x < area.x || x >= area.br().x || y < area.y || y >= area.br().y) continue;
      cv::Matx23d back;
      cv::invertAffineTransform(map, back);
      const auto box = datasets::mapped({x1, y1, x2, y2}, back);
      const auto roi = torch::tensor({static_cast<float>(weak), static_cast<float>(box.x1),
                                      static_cast<float>(box.y1), static_cast<float>(box.x2),
                                      static_cast<float>(box.y2)})
                           .view({1, 5});
      expected = teacher->predict(features, roi).logits.softmax(1)[0][0].item<double>();
      ++compared;
    }
    CHECK(weights[static_cast<int64_t>(i)].item<double>() == Approx(expected).epsilon(1e-4));
  }
  CHECK(compared == 11);
}

TEST_CASE("boxes are steady where jittered copies are moved to one place") {
  const TemporaryFolder folder;
  const auto pairs = some_pairs(folder.path);
  auto teacher = a_teacher();
  const auto share = [&](double max_spread, int jitters) {
    torch::manual_seed(6);
    PseudoLabelOptions options{.min_score = 0, .max_score = 0.01};
    options.max_spread = max_spread, options.jitters = jitters;
    ClassThresholds thresholds({50, 50}, options);
    for (int i = 0; i < 60; ++i) thresholds.add(torch::zeros({0}, torch::kLong), torch::zeros({0}));
    return torch::cat(label_views(teacher, pairs, thresholds, options).steady)
        .mean()
        .item<double>();
  };
  CHECK(share(10, 10) == 1);
  CHECK(share(1e-6, 10) == 0);
  CHECK(share(1e-6, 0) == 1);
}

TEST_CASE("weights of RoIs and targets scale their part of the losses") {
  torch::manual_seed(8);
  RoiTargets targets{
      {torch::zeros({4, 5}), {4}}, torch::tensor({0, 1, 2, 0}, torch::kLong), torch::rand({4, 4})};
  const RoiPredictions predictions{torch::randn({4, 3}), torch::randn({4, 12})};
  const auto plain = roi_losses(predictions, targets, {});
  targets.weights = torch::ones({4}), targets.box_weights = torch::ones({4});
  const auto ones = roi_losses(predictions, targets, {});
  CHECK(ones.classifier.item<double>() == Approx(plain.classifier.item<double>()));
  CHECK(ones.box_reg.item<double>() == Approx(plain.box_reg.item<double>()));
  targets.weights = torch::tensor({0.f, 1.f, 1.f, 0.f});
  targets.box_weights = torch::tensor({1.f, 0.f, 1.f, 1.f});
  const auto some = roi_losses(predictions, targets, {});
  const auto expected =
      torch::cross_entropy_loss(predictions.logits.slice(0, 1, 3), targets.labels.slice(0, 1, 3));
  CHECK(some.classifier.item<double>() == Approx(expected.item<double>()));
  targets.labels = torch::tensor({0, 0, 2, 0}, torch::kLong);
  const auto second = roi_losses(predictions, targets, {});
  CHECK(some.box_reg.item<double>() == Approx(second.box_reg.item<double>()));
}

TEST_CASE(
    "a module that is given the average has it after every update, and again after a resume") {
  torch::manual_seed(9);
  torch::nn::Linear student(3, 2), teacher(3, 2), restored_student(3, 2), restored_teacher(3, 2);
  Ema ema(*student, 0.75, teacher.get());
  CHECK(torch::equal(teacher->weight, student->weight));
  auto expected = student->weight.detach().clone();
  for (int step = 100; step < 105; ++step) {
    const torch::NoGradGuard no_grad;
    student->weight += torch::rand({2, 3});
    expected = 0.75 * expected + 0.25 * student->weight;
    ema.update(step);
    CHECK(at::allclose(teacher->weight, expected));
  }
  std::map<std::string, at::Tensor> saved;
  {
    const AveragedWeights averaged(ema);
    for (const auto& [name, tensor] : state_of(*student)) saved[name] = tensor.clone();
    ema.save(saved);
    for (auto& [name, tensor] : saved) tensor = tensor.clone();
  }
  load_state(*restored_student, saved, "file");
  Ema restored(*restored_student, 0.75, restored_teacher.get());
  restored.load(saved, "file");
  CHECK(torch::equal(restored_teacher->weight, teacher->weight));
  CHECK(torch::equal(restored_student->weight, student->weight));
}
