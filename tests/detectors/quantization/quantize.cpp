#include "lanner/detectors/quantization/quantize.h"

#include <thread>

#include "lanner/datasets/error.h"
#include "lanner/detectors/device.h"
#include "lanner/detectors/quantization/quantized_layer.h"
#include "lanner/detectors/training/train.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "tests/catch.h"
#include "tests/detectors/make_detector.h"
#include "tests/files.h"

using namespace lanner;
using namespace lanner::detectors;
using namespace lanner::tests;

namespace {

// Gives a detector's batches one after the other.
auto batches(Detector& detector, int count) {
  return [&detector, count]() mutable -> std::optional<datasets::Batch> {
    if (count-- == 0) return std::nullopt;
    return detector->prepare({torch::rand({3, 90, 120})});
  };
}

Detector evaluated(const DetectorOptions& options) {
  torch::manual_seed(7);
  Detector detector(options);
  detector->eval();
  place(*detector, torch::kCPU);
  return detector;
}

double largest_error(const std::vector<LayerError>& layers) {
  double error = 0;
  for (const auto& layer : layers) error = std::max(error, layer.error);
  return error;
}

}  // namespace

TEST_CASE("every kind of detector can be quantized, saved and loaded, and detects the same then") {
  const TemporaryFolder folder;
  for (auto [name, options] : tiny_detectors()) {
    INFO(name);
    options.roi.score_threshold = 0;
    auto detector = evaluated(options);
    const auto layers = quantize(detector, batches(detector, 3), {});
    CHECK(layers.size() > 15);
    CHECK(largest_error(layers) < 0.06);
    for (const auto& layer : layers) CHECK(layer.name.find("offset") == std::string::npos);
    const auto file = folder.path / "q.safetensors";
    save_detector(file, detector);
    auto loaded = load_detector(file);
    const auto batch = detector->prepare({torch::rand({3, 100, 80}), torch::rand({3, 40, 130})});
    const auto a = detector->detect(batch), b = loaded->detect(batch);
    for (size_t i = 0; i < a.size(); ++i) {
      CHECK(a[i].boxes.size(0) > 0);
      CHECK(at::equal(a[i].boxes, b[i].boxes));
      CHECK(at::equal(a[i].scores, b[i].scores));
    }
    save_detector(folder.path / "again.safetensors", loaded);
    CHECK(read(file) == read(folder.path / "again.safetensors"));
  }
}

TEST_CASE("a quantized detector refuses to be trained, to be quantized again and to go elsewhere") {
  const TemporaryFolder folder;
  auto detector = evaluated(tiny_options());
  quantize(detector, batches(detector, 1), {});
  CHECK_THROWS_WITH(quantize(detector, batches(detector, 1), {}),
                    ContainsSubstring("quantized already"));
  auto batch = detector->prepare({torch::rand({3, 90, 120})});
  detector->set_targets(batch, {torch::zeros({0, 4})}, {torch::zeros({0}, torch::kLong)});
  CHECK_THROWS_WITH(detector->losses(batch), ContainsSubstring("cannot be trained"));
  CHECK_THROWS_WITH(detector->to(torch::Device("cuda"), false),
                    ContainsSubstring("run on the CPU"));
  save_detector(folder.path / "q.safetensors", detector);
  Detector fresh(tiny_options());
  CHECK_THROWS_WITH(load_matching(*fresh, folder.path / "q.safetensors"),
                    ContainsSubstring("q.safetensors: quantization: a quantized detector cannot"));
}

TEST_CASE("layers stay as they are where asked, and where their error is above the maximum") {
  auto detector = evaluated(tiny_options());
  const auto layers = quantize(detector, batches(detector, 1),
                               {.max_error = 1, .float_layers = {"fpn", "cls_score"}});
  for (const auto& layer : layers)
    CHECK(layer.quantized == (layer.name.find("fpn") == std::string::npos &&
                              layer.name.find("cls_score") == std::string::npos));
  CHECK(detector->detect(detector->prepare({torch::rand({3, 90, 120})})).size() == 1);
  auto other = evaluated(tiny_options());
  const auto none = quantize(other, batches(other, 1), {.max_error = 1e-9});
  for (const auto& layer : none) CHECK_FALSE(layer.quantized);
  CHECK_FALSE(has_quantized_layers(*other));
  CHECK_THROWS_WITH(quantize(other, batches(other, 1), {.float_layers = {"nowhere"}}),
                    ContainsSubstring("float_layers: no layer's name holds \"nowhere\""));
  CHECK_THROWS_WITH(quantize(other, batches(other, 0), {}), ContainsSubstring("got none"));
  CHECK_THROWS_WITH(quantize(other, batches(other, 1), {.range = "best"}),
                    ContainsSubstring("range: expected minmax, percentile or mse, got \"best\""));
}

TEST_CASE("damaged int8 layers are refused by file and tensor") {
  const TemporaryFolder folder;
  auto detector = evaluated(tiny_options());
  quantize(detector, batches(detector, 1), {});
  const auto file = folder.path / "q.safetensors";
  save_detector(file, detector);
  const auto whole = read_safetensors(file);
  const std::string name = "rpn.head.cls_logits.quantized.";
  for (const auto& [part, tensor] :
       {std::pair{"input", at::Tensor()}, std::pair{"weight_scale", torch::ones({3})},
        std::pair{"output", torch::ones({1})},
        std::pair{"weight", torch::zeros({1, 1}, torch::kChar)}}) {
    auto content = whole;
    content.tensors.erase(name + part);
    if (tensor.defined()) content.tensors[name + part] = tensor;
    write_safetensors(file, content);
    CHECK_THROWS_WITH(load_detector(file), ContainsSubstring("q.safetensors: " + name));
  }
  auto content = whole;
  content.tensors[name + "input"] = torch::tensor({0.f, 3.f});
  write_safetensors(file, content);
  CHECK_THROWS_WITH(load_detector(file),
                    ContainsSubstring(name + "input: expected a scale above 0"));
}

TEST_CASE("several threads detect with one quantized detector") {
  auto detector = evaluated(tiny_options());
  quantize(detector, batches(detector, 1), {});
  const auto batch = detector->prepare({torch::rand({3, 90, 120})});
  const auto expected = detector->detect(batch)[0];
  std::vector<std::thread> threads;
  std::atomic<int> same = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 5; ++n)
        same += at::equal(detector->detect(batch)[0].boxes, expected.boxes);
    });
  for (auto& thread : threads) thread.join();
  CHECK(same == 20);
}

TEST_CASE("weights and images that are not finite are refused by name") {
  const TemporaryFolder folder;
  auto detector = evaluated(tiny_options());
  auto image = torch::rand({3, 90, 120});
  image[1][2][3] = NAN;
  CHECK_THROWS_WITH(detector->prepare({torch::rand({3, 9, 9}), image}),
                    ContainsSubstring("images[1]: expected finite values"));
  const torch::NoGradGuard no_grad;
  detector->named_parameters()["rpn.head.cls_logits.bias"][0] = INFINITY;
  save_detector(folder.path / "n.safetensors", detector);
  CHECK_THROWS_WITH(load_detector(folder.path / "n.safetensors"),
                    ContainsSubstring("n.safetensors: rpn.head.cls_logits.bias: expected finite"));
}
