#include "lanner/detectors/weights/checkpoint.h"

#include "lanner/datasets/error.h"
#include "lanner/detectors/device.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"
#include "tests/files.h"
#include "tests/mutated.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;

TEST_CASE("a saved and loaded detector has the same detections and classes") {
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

TEST_CASE("thresholds can be overridden when a detector is loaded") {
  const TemporaryFolder folder;
  torch::manual_seed(2);
  save_detector(folder.path / "w.safetensors", Detector(tiny_options()));
  const auto count = [&](const Thresholds& thresholds) {
    auto detector = load_detector(folder.path / "w.safetensors", thresholds);
    torch::manual_seed(3);
    return detector->detect(detector->prepare({torch::rand({3, 90, 120})}))[0].scores.size(0);
  };
  CHECK(count({.score_threshold = 0, .nms_iou = 1, .max_detections = 500}) >
        count({.score_threshold = 0}));
  CHECK(count({.score_threshold = 0, .max_detections = 7}) == 7);
  CHECK(count({.score_threshold = 1}) == 0);
  CHECK_THROWS_WITH(count({.nms_iou = 2}),
                    ContainsSubstring("roi.nms_iou: expected 0 to 1, got 2"));
}

TEST_CASE("load_state rejects another architecture, lists every tensor and loads nothing") {
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

TEST_CASE("load_detector and load_backbone reject files without suitable weights") {
  const TemporaryFolder folder;
  write_safetensors(folder.path / "w.safetensors", {{{"a", torch::zeros({1})}}, {}});
  CHECK_THROWS_WITH(load_detector(folder.path / "w.safetensors"),
                    ContainsSubstring("w.safetensors: architecture: missing"));
  Detector detector(tiny_options());
  CHECK_THROWS_WITH(load_backbone(*detector, folder.path / "w.safetensors"),
                    ContainsSubstring("init: contains no tensor of this backbone"));
}

TEST_CASE("load_backbone loads by name, with or without prefix, and reports what it loaded") {
  const TemporaryFolder folder;
  torch::manual_seed(2);
  Detector source(tiny_options()), target(tiny_options());
  SafeTensors content;
  for (const auto& [name, tensor] : state_of(*source))
    if (name.rfind("backbone.body.layer1", 0) == 0) content.tensors[name.substr(14)] = tensor;
  content.tensors["fc.weight"] = torch::zeros({10, 512});
  write_safetensors(folder.path / "r.safetensors", content);
  const auto report = load_backbone(*target, folder.path / "r.safetensors");
  CHECK(report.loaded.size() == content.tensors.size() - 1);
  CHECK(report.unused == std::vector<std::string>{"fc.weight"});
  CHECK(!report.missing.empty());
  const std::string name = "backbone.body.layer1.0.conv1.weight";
  CHECK(at::equal(state_of(*source).at(name), state_of(*target).at(name)));
}

TEST_CASE("load_backbone rejects files without the statistics of frozen batch norms") {
  const TemporaryFolder folder;
  auto layer_norm = tiny_options(), frozen = tiny_options();
  layer_norm.backbone.norm = Norm::layer, frozen.backbone.norm = Norm::frozen_batch;
  save_detector(folder.path / "layer.safetensors", Detector(layer_norm));
  Detector detector(frozen);
  CHECK_THROWS_WITH(load_backbone(*detector, folder.path / "layer.safetensors"),
                    ContainsSubstring("layer.safetensors: init: contains no backbone.body.") &&
                        ContainsSubstring("running_mean, which norm=frozen_batch cannot learn"));
  save_detector(folder.path / "batch.safetensors", Detector(tiny_options()));
  CHECK(load_backbone(*detector, folder.path / "batch.safetensors").missing.empty());
}

TEST_CASE("load_backbone rejects a backbone of another depth and loads nothing") {
  const TemporaryFolder folder;
  auto resnet50 = tiny_options();
  resnet50.backbone.depth = 50;
  save_detector(folder.path / "r50.safetensors", Detector(resnet50));
  Detector detector(tiny_options());
  const auto before = state_of(*detector).at("backbone.body.conv1.weight").clone();
  CHECK_THROWS_WITH(load_backbone(*detector, folder.path / "r50.safetensors"),
                    ContainsSubstring("r50.safetensors: init: weights of another architecture:") &&
                        ContainsSubstring("misshapen: backbone.body.layer1.0.conv1.weight"));
  CHECK(at::equal(before, state_of(*detector).at("backbone.body.conv1.weight")));
}

TEST_CASE("device_from_name rejects unknown and unavailable devices") {
  CHECK_THROWS_WITH(device_from_name("tpu"),
                    ContainsSubstring("device: expected cpu, cuda or cuda:N, got \"tpu\""));
  if (!torch::cuda::is_available())
    CHECK_THROWS_WITH(device_from_name("cuda"), ContainsSubstring("device: cuda"));
}

TEST_CASE(
    "load_matching takes FPN, RPN and head of a detector, but not what predicts other classes") {
  const TemporaryFolder folder;
  torch::manual_seed(3);
  const Detector source(tiny_options(2));
  save_detector(folder.path / "two.safetensors", source);
  Detector target(tiny_options(3));
  const auto report = load_matching(*target, folder.path / "two.safetensors");
  const auto from = state_of(*source), to = state_of(*target);
  for (const std::string name :
       {"backbone.body.conv1.weight", "backbone.fpn.inner_blocks.0.0.weight",
        "rpn.head.cls_logits.weight", "roi_heads.box_head.fc6.weight"})
    CHECK(at::equal(from.at(name), to.at(name)));
  for (const std::string name :
       {"roi_heads.box_predictor.cls_score.weight", "roi_heads.box_predictor.bbox_pred.bias"}) {
    CHECK(std::count(report.missing.begin(), report.missing.end(), name) == 1);
    CHECK(std::count(report.unused.begin(), report.unused.end(), name) == 1);
  }
  CHECK(report.loaded.size() + report.missing.size() == to.size());
}

TEST_CASE("1,000 damaged checkpoints are loaded as they were or refused by file and field") {
  const TemporaryFolder folder;
  const auto file = folder.path / "a.safetensors";
  torch::manual_seed(5);
  auto options = tiny_options(2);
  options.backbone.width = 8, options.roi.head_width = 32;
  const Detector detector(options);
  save_detector(file, detector);
  const auto original = read(file);
  uint64_t header_size = 0;
  std::memcpy(&header_size, original.data(), 8);
  const auto header = original.substr(8, header_size), data = original.substr(8 + header_size);
  const auto expected = state_of(*detector);
  std::mt19937_64 random(6);
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    auto changed =
        mutated(header, random, {"9", "00000", "-1", "null", "{}", "[", "\"", "1e9", "true"});
    auto size = static_cast<uint64_t>(changed.size());
    if (i % 10 == 0) size = random() >> (random() % 64);
    auto rest = data;
    if (i % 10 == 1) rest[random() % rest.size()] ^= 1;
    if (i % 10 == 2) rest.resize(random() % rest.size());
    write(file, std::string(reinterpret_cast<const char*>(&size), 8) + changed + rest);
    try {
      const auto loaded = load_detector(file);
      for (const auto& [name, tensor] : state_of(*loaded))
        REQUIRE(at::equal(tensor, expected.at(name)));
    } catch (const Error& error) {
      ++refused;
      const std::string message = error.what();
      INFO(message);
      REQUIRE(message.starts_with(file.string() + ": "));
      REQUIRE(message.find(": ", file.string().size() + 2) != std::string::npos);
    }
  }
  CHECK(refused > 500);
}
