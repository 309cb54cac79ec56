#include "tools/bench_detectors.h"

#include <ATen/Parallel.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "lanner/detectors/models.h"
#include "lanner/detectors/training/autocast.h"
#include "lanner/detectors/training/optimiser.h"
#include "lanner/ops/cpu/fresh.h"
#include "tools/peer.h"
#include "tools/process.h"
#include "tools/random_detector.h"
#include "tools/timing.h"

namespace lanner::tools {
namespace {

using detectors::DetectorOptions;

// peak_memory() begins anew.
void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

DetectorOptions faster_rcnn(int depth) {
  auto options = with_classes(detectors::preset("faster_rcnn_resnet50_fpn").options.detector, 90);
  options.backbone.depth = depth;
  options.backbone.norm = detectors::Norm::frozen_batch;
  options.backbone.trainable_stages = 3;
  return options;
}

void header(bool compared) {
  print_machine(compared ? "" : "; torchvision is not installed beside LibTorch");
  std::printf("%-34s %10s %14s %14s %8s %8s %8s\n", "", "lanner ms", "torchvision ms",
              "its bf16 ms", "ratio", "to bf16", "MB");
}

// A job beside torchvision's in float32 and in bfloat16, interleaved. sixteen: ours is in bfloat16.
nlohmann::json compare(const std::string& name, const std::function<void()>& job, bool sixteen,
                       Peer& peer, int64_t runs) {
  const auto ours = [&] {
    const detectors::Autocast autocast(sixteen, torch::kCPU);
    job();
  };
  forget_peak();
  ours(), ours();
  const double memory = peak_memory("self");
  if (peer.there()) peer.run(false), peer.run(true);
  std::vector<double> mine, other[2], ratio[2];
  for (int64_t i = 0; i < runs; ++i) {
    mine.push_back(milliseconds(ours));
    for (int bits : {0, 1}) {
      if (!peer.there()) continue;
      other[bits].push_back(peer.run(bits));
      ratio[bits].push_back(other[bits].back() / mine.back());
    }
  }
  nlohmann::json row{{"name", name}, {"lanner_ms", median(mine)}, {"peak_memory_mb", memory}};
  std::printf("%-34s %10.1f ", name.c_str(), median(mine));
  if (peer.there()) {
    row["torchvision_ms"] = median(other[0]), row["torchvision_bf16_ms"] = median(other[1]);
    row["ratio"] = median(ratio[0]), row["ratio_to_bf16"] = median(ratio[1]);
    std::printf("%14.1f %14.1f %7.2fx %7.2fx ", median(other[0]), median(other[1]),
                median(ratio[0]), median(ratio[1]));
  } else {
    std::printf("%14s %14s %8s %8s ", "-", "-", "-", "-");
  }
  std::printf("%8.0f\n", memory);
  std::fflush(stdout);
  return row;
}

}  // namespace

int bench_detect(const BenchOptions& options) {
  use_threads(options);
  Peer peer("detect", 50, at::get_num_threads());
  header(peer.there());
  const auto image = torch::rand({3, 800, 1088});
  nlohmann::json rows = nlohmann::json::array();
  for (const bool sixteen : {false, true}) {
    auto detector = random_detector(faster_rcnn(50));
    detector->eval();
    rows.push_back(compare(
        std::string("detect, ResNet-50-FPN, ") + (sixteen ? "bfloat16" : "float32"),
        [&] { detector->detect(detector->prepare({image})); }, sixteen, peer, options.runs));
  }
  write_rows(options, rows);
  return 0;
}

int bench_train(const BenchOptions& options) {
  use_threads(options);
  nlohmann::json rows = nlohmann::json::array();
  const std::vector<at::Tensor> images{torch::rand({3, 320, 400}), torch::rand({3, 320, 400})};
  const auto boxes = torch::tensor({20.f, 30.f, 150.f, 200.f, 200.f, 100.f, 320.f, 260.f, 50.f,
                                    200.f, 120.f, 300.f})
                         .view({3, 4});
  const auto labels = torch::tensor({1, 2, 3}, torch::kLong);
  for (const int depth : {50, 18}) {
    Peer peer("train", depth, at::get_num_threads());
    if (depth == 50) header(peer.there());
    for (const bool sixteen : {false, true}) {
      auto detector_options = faster_rcnn(depth);
      detector_options.resize = {320, 400};
      auto detector = random_detector(detector_options);
      detector->train();
      detectors::Optimiser optimiser(*detector, {});
      const auto step = [&] {
        const ops::KeepMemory keep;
        auto batch = detector->prepare(images);
        detector->set_targets(batch, {boxes, boxes}, {labels, labels});
        optimiser.zero_grad();
        detector->losses(batch).total().backward();
        optimiser.step(1e-4);
      };
      rows.push_back(compare("training step, ResNet-" + std::to_string(depth) + "-FPN, " +
                                 (sixteen ? "bfloat16" : "float32"),
                             step, sixteen, peer, options.runs));
    }
  }
  write_rows(options, rows);
  return 0;
}

int bench_rois(const BenchOptions& options) {
  use_threads(options);
  print_machine("; one image of 600 x 1000, ResNet-101, 20 classes");
  std::printf("%-8s %12s %26s %8s\n", "RoIs", "R-FCN ms", "Faster R-CNN C4 ms", "ratio");
  const auto image = torch::rand({3, 600, 1000});
  nlohmann::json rows = nlohmann::json::array();
  for (const int64_t count : {50, 100, 300, 1000, 2000}) {
    std::vector<std::function<void()>> jobs;
    for (const char* name : {"rfcn_resnet101", "faster_rcnn_resnet101_c4"}) {
      auto detector_options = with_classes(detectors::preset(name).options.detector, 20);
      // Of random weights' proposals none is dropped, so that there are as many as is asked for.
      detector_options.rpn.nms_iou = 1;
      detector_options.rpn.post_nms_test = count;
      auto detector = random_detector(detector_options);
      detector->eval();
      jobs.push_back([detector, image]() mutable { detector->detect(detector->prepare({image})); });
      jobs.back()();
    }
    std::vector<double> times[2], ratio;
    for (int64_t i = 0; i < options.runs; ++i) {
      for (int j : {0, 1}) times[j].push_back(milliseconds(jobs[j]));
      ratio.push_back(times[1].back() / times[0].back());
    }
    std::printf("%-8lld %12.0f %26.0f %7.2fx\n", static_cast<long long>(count), median(times[0]),
                median(times[1]), median(ratio));
    std::fflush(stdout);
    rows.push_back({{"rois", count},
                    {"rfcn_ms", median(times[0])},
                    {"faster_rcnn_c4_ms", median(times[1])},
                    {"ratio", median(ratio)}});
  }
  write_rows(options, rows);
  return 0;
}

}  // namespace lanner::tools
