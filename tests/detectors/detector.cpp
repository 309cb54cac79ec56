#include "lanner/detectors/detector.h"

#include "lanner/datasets/error.h"
#include "lanner/datasets/evaluation/coco_evaluation.h"
#include "lanner/datasets/synthetic.h"
#include "lanner/detectors/backbones/backbone.h"
#include "lanner/detectors/inference/detect_dataset.h"
#include "lanner/detectors/roi_heads/roi_head.h"
#include "lanner/detectors/training/train.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;

TEST_CASE("Faster R-CNN ResNet-50-FPN with 91 outputs has torchvision's 41,755,286 parameters") {
  DetectorOptions options;
  options.backbone.norm = Norm::frozen_batch;
  options.categories.resize(90);
  CHECK(parameters(*Detector(options)) == 41'755'286);
}

TEST_CASE("detections lie inside images of any size, for every kind of detector") {
  for (const auto& [name, options] : tiny_detectors()) {
    INFO(name);
    torch::manual_seed(3);
    auto all_scores = options;
    all_scores.roi.score_threshold = 0;
    Detector detector(all_scores);
    detector->eval();
    const std::vector<at::Tensor> images{torch::rand({3, 1, 1}), torch::rand({3, 1, 400}),
                                         torch::rand({3, 120, 90})};
    const auto detections = detector->detect(detector->prepare(images));
    REQUIRE(detections.size() == 3);
    for (size_t i = 0; i < 3; ++i) {
      CHECK(detections[i].boxes.size(0) == detections[i].scores.size(0));
      CHECK(detections[i].boxes.size(0) <= all_scores.roi.max_detections);
      if (detections[i].boxes.size(0) == 0) continue;
      CHECK((detections[i].boxes >= 0).all().item<bool>());
      CHECK(detections[i].boxes.select(1, 2).max().item<double>() <=
            double(images[i].size(2)) + 1e-3);
      CHECK(detections[i].boxes.select(1, 3).max().item<double>() <=
            double(images[i].size(1)) + 1e-3);
      CHECK((detections[i].labels >= 1).all().item<bool>());
      CHECK(at::equal(std::get<0>(detections[i].scores.sort(0, true)), detections[i].scores));
    }
    CHECK(detections[2].boxes.size(0) > 0);
  }
}

TEST_CASE("each RoI has the same predictions however many there are, for every kind of detector") {
  for (const auto& [name, options] : tiny_detectors()) {
    INFO(name);
    torch::manual_seed(5);
    Detector detector(options);
    detector->eval();
    const auto batch = detector->prepare({torch::rand({3, 96, 128}), torch::rand({3, 96, 128})});
    const auto features = detector->features(batch);
    const auto corner = torch::rand({20, 2}) * 60;
    const auto rois = torch::cat(
        {torch::arange(20).view({20, 1}) % 2, corner, corner + 5 + torch::rand({20, 2}) * 30}, 1);
    const auto all = detector->predict(features, rois);
    for (const int64_t count : {0, 1, 9, 10, 13}) {
      const auto some = detector->predict(features, rois.slice(0, 0, count));
      REQUIRE(some.logits.size(0) == count);
      REQUIRE(some.deltas.size(0) == count);
      CHECK(at::allclose(some.logits, all.logits.slice(0, 0, count), 1e-4, 1e-5));
      CHECK(at::allclose(some.deltas, all.deltas.slice(0, 0, count), 1e-4, 1e-5));
    }
  }
}

TEST_CASE("losses are finite and have gradients for every parameter, for every kind of detector") {
  for (const auto& [name, options] : tiny_detectors()) {
    INFO(name);
    torch::manual_seed(4);
    Detector detector(options);
    auto batch = detector->prepare({torch::rand({3, 96, 128}), torch::rand({3, 96, 128})});
    detector->set_targets(
        batch, {torch::tensor({10.f, 10.f, 60.f, 70.f}).view({1, 4}), torch::zeros({0, 4})},
        {torch::ones({1}, torch::kLong), torch::zeros({0}, torch::kLong)});
    const auto losses = detector->losses(batch);
    CHECK(std::isfinite(losses.total().item<double>()));
    losses.total().backward();
    for (const auto& item : detector->named_parameters()) {
      INFO(item.key());
      CHECK(item.value().grad().defined());
    }
    auto empty = detector->prepare({torch::rand({3, 96, 128})});
    detector->set_targets(empty, {torch::zeros({0, 4})}, {torch::zeros({0}, torch::kLong)});
    const auto losses_without_targets = detector->losses(empty);
    CHECK(losses_without_targets.box_reg.item<double>() == 0);
    CHECK(losses_without_targets.rpn_box_reg.item<double>() == 0);
    losses_without_targets.total().backward();
  }
}

TEST_CASE("an untrained deformable detector equals the regular one") {
  for (const char* name : {"fpn", "dc5, roi_pool", "rfcn, roi_align"}) {
    INFO(name);
    const auto options = tiny_detectors().at(name);
    auto deformable_options = options;
    deformable_options.backbone.deformable.stages = {4};
    torch::manual_seed(5);
    Detector regular(options), deformable(deformable_options);
    auto parameters = deformable->named_parameters();
    const torch::NoGradGuard no_grad;
    for (const auto& item : regular->named_parameters()) parameters[item.key()].copy_(item.value());
    regular->eval(), deformable->eval();
    const std::vector<at::Tensor> images{torch::rand({3, 96, 128})};
    const auto expected = regular->detect(regular->prepare(images))[0];
    const auto detections = deformable->detect(deformable->prepare(images))[0];
    REQUIRE(detections.boxes.sizes() == expected.boxes.sizes());
    CHECK(at::allclose(detections.boxes, expected.boxes, 1e-3, 1e-2));
  }
}

TEST_CASE("set_targets rejects invalid targets, naming their index") {
  Detector detector(tiny_options());
  const auto set = [&](const at::Tensor& boxes, const at::Tensor& labels) {
    auto batch = detector->prepare({torch::rand({3, 96, 128})});
    detector->set_targets(batch, {boxes}, {labels});
  };
  const auto label = torch::ones({1}, torch::kLong);
  CHECK_THROWS_WITH(set(torch::tensor({5.f, 5.f, 5.f, 9.f}).view({1, 4}), label),
                    ContainsSubstring("targets[0].boxes[0]: expected finite x1 < x2 and y1 < y2"));
  CHECK_THROWS_WITH(set(torch::tensor({1.f, 1.f, 5.f, 9.f}).view({1, 4}), label * 3),
                    ContainsSubstring("targets[0].labels[0]: expected 1..2, got 3"));
  CHECK_THROWS_WITH(set(torch::zeros({1, 5}), label),
                    ContainsSubstring("targets[0].boxes: expected [G, 4]"));
  CHECK_THROWS_WITH(detector->prepare({torch::rand({1, 9, 9})}),
                    ContainsSubstring("images[0]: expected a uint8 or float tensor [3, H, W]"));
}

TEST_CASE("a detector overfits a few images", "[slow]") {
  const TemporaryFolder folder;
  datasets::write_synthetic(
      {.out = folder.path / "data", .images = 10, .width = 128, .height = 96, .max_objects = 2});
  const auto data = (folder.path / "data").string() + ":train";
  TrainOptions options = preset("small").options;
  options.data = options.val = data;
  options.detector = tiny_options(0);
  options.detector.backbone.width = 32;
  options.augment = {.horizontal_flip = 0};
  options.evaluations = 1;
  options.loop.out = folder.path / "run";
  options.loop.epochs = 120;
  options.loop.batch_size = 2;
  options.loop.lr = 0.01;
  options.loop.ema_decay = 0;
  options.loop.warmup_steps = 20;
  CHECK(train(options, [] { return false; }) == LoopEnd::finished);
  auto detector = load_detector(folder.path / "run/best.safetensors");
  const auto dataset = datasets::open_dataset(data, {}, &detector->options.categories);
  const auto metrics =
      datasets::evaluate_coco(datasets::to_coco(dataset), detect_dataset(detector, dataset, 2, 1));
  CHECK(metrics.AP50 > 0.9);
}
