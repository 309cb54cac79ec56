#include "tools/bench/bench.h"

#include <ATen/Parallel.h>

#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "lanner/detectors/presets.h"
#include "lanner/detectors/training/optimizer.h"
#include "lanner/ops/cpu_cache.h"
#include "tools/bench/compare.h"
#include "tools/bench/random_detector.h"
#include "tools/bench/timing.h"

namespace lanner::tools {
namespace {

using detectors::DetectorOptions;

DetectorOptions faster_rcnn(int depth) {
  auto options = with_classes(detectors::preset("faster_rcnn_resnet50_fpn").options.detector, 90);
  options.backbone.depth = depth;
  options.backbone.norm = detectors::Norm::frozen_batch;
  options.backbone.trainable_stages = 3;
  return options;
}

}  // namespace

int bench_train(const BenchOptions& options) {
  use_threads(options);
  nlohmann::json rows = nlohmann::json::array();
  const std::vector<at::Tensor> images{torch::rand({3, 320, 400}), torch::rand({3, 320, 400})};
  const auto boxes = torch::tensor({20.f, 30.f, 150.f, 200.f, 200.f, 100.f, 320.f, 260.f, 50.f,
                                    200.f, 120.f, 300.f})
                         .view({3, 4});
  const auto labels = torch::tensor({1, 2, 3}, torch::kLong);
  for (const int depth : {50, 18}) {
    PythonBaseline baseline("detector.py",
                            {std::to_string(depth), std::to_string(at::get_num_threads())});
    if (depth == 50) print_comparison_header("torchvision", baseline);
    for (const bool bfloat16 : {false, true}) {
      auto detector_options = faster_rcnn(depth);
      detector_options.resize = {320, 400};
      auto detector = random_detector(detector_options);
      detector->train();
      detectors::Optimizer optimizer(*detector, {});
      const auto step = [&] {
        const ops::CpuCacheGuard keep;
        auto batch = detector->prepare(images);
        detector->set_targets(batch, {boxes, boxes}, {labels, labels});
        optimizer.zero_grad();
        detector->losses(batch).total().backward();
        optimizer.step(1e-4);
      };
      rows.push_back(compare("torchvision",
                             "training step, ResNet-" + std::to_string(depth) + "-FPN, " +
                                 (bfloat16 ? "bfloat16" : "float32"),
                             step, bfloat16, baseline, options.runs));
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
      // NMS suppresses none of the proposals, so that the head receives `count` of them.
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
