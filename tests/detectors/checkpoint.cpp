#include "lanner/detectors/checkpoint.h"

#include "lanner/datasets/error.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;

TEST_CASE("a saved detector finds the same, and has the same classes") {
  const TemporaryFolder folder;
  torch::manual_seed(1);
  Detector detector(tiny_options());
  detector->eval();
  save_detector(folder.path / "w.safetensors", detector);
  auto loaded = load_detector(folder.path / "w.safetensors");
  CHECK(loaded->options.categories[1].id == 20);
  const auto image = torch::rand({3, 90, 120});
  const auto a = detector->detect(detector->prepare({image}))[0];
  const auto b = loaded->detect(loaded->prepare({image}))[0];
  CHECK(at::allclose(a.scores, b.scores, 1e-4, 1e-5));
}

TEST_CASE("what a detector keeps can be asked for as it is loaded") {
  const TemporaryFolder folder;
  torch::manual_seed(2);
  save_detector(folder.path / "w.safetensors", Detector(tiny_options()));
  const auto count = [&](const Thresholds& thresholds) {
    auto detector = load_detector(folder.path / "w.safetensors", thresholds);
    torch::manual_seed(3);
    return detector->detect(detector->prepare({torch::rand({3, 90, 120})}))[0].scores.size(0);
  };
  CHECK(count({.score = 0, .nms_iou = 1, .most_detections = 500}) > count({.score = 0}));
  CHECK(count({.score = 0, .most_detections = 7}) == 7);
  CHECK(count({.score = 1}) == 0);
  CHECK_THROWS_WITH((Thresholds{.nms_iou = 2}.check()),
                    ContainsSubstring("nms-iou: expected 0 to 1, got 2"));
}

TEST_CASE("weights of another architecture list every tensor and load nothing") {
  Detector detector(tiny_options(2)), other(tiny_options(3));
  const auto before = state_of(*detector).at("backbone.body.conv1.weight").clone();
  auto tensors = state_of(*other);
  tensors.erase("rpn.head.cls_logits.bias");
  tensors["extra.weight"] = torch::zeros({1});
  CHECK_THROWS_WITH(load_state(*detector, tensors, "w.safetensors"),
                    ContainsSubstring("w.safetensors: weights of another architecture:") &&
                        ContainsSubstring("missing: rpn.head.cls_logits.bias") &&
                        ContainsSubstring("unexpected: extra.weight") &&
                        ContainsSubstring("misshapen: roi_heads.box_predictor.cls_score.weight: "
                                          "expected [3, 64], got [4, 64]"));
  CHECK(at::equal(before, state_of(*detector).at("backbone.body.conv1.weight")));
}

TEST_CASE("files that are no detector's weights are refused") {
  const TemporaryFolder folder;
  write_safetensors(folder.path / "w.safetensors", {{{"a", torch::zeros({1})}}, {}});
  CHECK_THROWS_WITH(load_detector(folder.path / "w.safetensors"),
                    ContainsSubstring("w.safetensors: architecture: missing"));
  Detector detector(tiny_options());
  CHECK_THROWS_WITH(load_backbone(*detector, folder.path / "w.safetensors"),
                    ContainsSubstring("init: holds no tensor of this backbone"));
}

TEST_CASE("a backbone is loaded by name, with or without its prefix, and the report says what") {
  const TemporaryFolder folder;
  torch::manual_seed(2);
  Detector from(tiny_options()), to(tiny_options());
  SafeTensors plain;
  for (const auto& [name, tensor] : state_of(*from))
    if (name.rfind("backbone.body.layer1", 0) == 0) plain.tensors[name.substr(14)] = tensor;
  plain.tensors["fc.weight"] = torch::zeros({10, 512});
  write_safetensors(folder.path / "r.safetensors", plain);
  const auto report = load_backbone(*to, folder.path / "r.safetensors");
  CHECK(report.loaded.size() == plain.tensors.size() - 1);
  CHECK(report.unused == std::vector<std::string>{"fc.weight"});
  CHECK(!report.fresh.empty());
  const std::string name = "backbone.body.layer1.0.conv1.weight";
  CHECK(at::equal(state_of(*from).at(name), state_of(*to).at(name)));
}

TEST_CASE("fixed batch norms are not left without statistics") {
  const TemporaryFolder folder;
  auto learned = tiny_options(), fixed = tiny_options();
  learned.backbone.norm = Norm::layer, fixed.backbone.norm = Norm::frozen_batch;
  save_detector(folder.path / "layer.safetensors", Detector(learned));
  Detector detector(fixed);
  CHECK_THROWS_WITH(load_backbone(*detector, folder.path / "layer.safetensors"),
                    ContainsSubstring("layer.safetensors: init: holds no backbone.body.") &&
                        ContainsSubstring("running_mean, which norm=frozen_batch cannot learn"));
  save_detector(folder.path / "batch.safetensors", Detector(tiny_options()));
  CHECK(load_backbone(*detector, folder.path / "batch.safetensors").fresh.empty());
}

TEST_CASE("a backbone of another depth is refused, and nothing of it is loaded") {
  const TemporaryFolder folder;
  auto deeper = tiny_options();
  deeper.backbone.depth = 50;
  save_detector(folder.path / "r50.safetensors", Detector(deeper));
  Detector detector(tiny_options());
  const auto before = state_of(*detector).at("backbone.body.conv1.weight").clone();
  CHECK_THROWS_WITH(load_backbone(*detector, folder.path / "r50.safetensors"),
                    ContainsSubstring("r50.safetensors: init: weights of another architecture:") &&
                        ContainsSubstring("misshapen: backbone.body.layer1.0.conv1.weight"));
  CHECK(at::equal(before, state_of(*detector).at("backbone.body.conv1.weight")));
}

TEST_CASE("devices that are not there are refused by name") {
  CHECK_THROWS_WITH(device_from_name("tpu"),
                    ContainsSubstring("device: expected cpu, cuda or cuda:N, got \"tpu\""));
  if (!torch::cuda::is_available())
    CHECK_THROWS_WITH(device_from_name("cuda"), ContainsSubstring("device: cuda"));
}
