#include "tools/bench_detectors.h"

#include <ATen/Parallel.h>

#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "lanner/detectors/models.h"
#include "lanner/detectors/training/optimiser.h"
#include "lanner/ops/cpu/fresh.h"
#include "tools/compare.h"
#include "tools/random_detector.h"
#include "tools/timing.h"

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

// Answers as Peer wants it.
constexpr const char* kProgram = R"py(
import sys, time
try:
    import torch
    from torchvision.models.detection import FasterRCNN
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.ops import FrozenBatchNorm2d
except ImportError:
    print("absent", flush=True)
    sys.exit()
what, depth, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)
backbone = resnet_fpn_backbone(
    backbone_name="resnet" + depth, weights=None, norm_layer=FrozenBatchNorm2d, trainable_layers=3)
size = dict(min_size=320, max_size=400) if what == "train" else {}
model = FasterRCNN(backbone, 91, **size)
for name, buffer in model.named_buffers():
    if name.endswith("running_var"):
        buffer.fill_(4)
if what == "detect":
    model.eval()
    images = [torch.rand(3, 800, 1088)]
    def work():
        with torch.no_grad():
            model(images)
else:
    images = [torch.rand(3, 320, 400) for _ in range(2)]
    boxes = torch.tensor([[20.0, 30, 150, 200], [200, 100, 320, 260], [50, 200, 120, 300]])
    targets = [{"boxes": boxes, "labels": torch.tensor([1, 2, 3])} for _ in images]
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=1e-4, momentum=0.9)
    def work():
        optimizer.zero_grad()
        sum(model(images, targets).values()).backward()
        optimizer.step()
print("ready", flush=True)
for line in sys.stdin:
    begin = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=line.strip() == "16"):
        work()
    print((time.perf_counter() - begin) * 1e3, flush=True)
)py";

}  // namespace

int bench_detect(const BenchOptions& options) {
  use_threads(options);
  Peer peer(kProgram, {"detect", "50", std::to_string(at::get_num_threads())});
  print_comparison_header("torchvision", peer);
  const auto image = torch::rand({3, 800, 1088});
  nlohmann::json rows = nlohmann::json::array();
  for (const bool sixteen : {false, true}) {
    auto detector = random_detector(faster_rcnn(50));
    detector->eval();
    rows.push_back(compare(
        "torchvision", std::string("detect, ResNet-50-FPN, ") + (sixteen ? "bfloat16" : "float32"),
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
    Peer peer(kProgram, {"train", std::to_string(depth), std::to_string(at::get_num_threads())});
    if (depth == 50) print_comparison_header("torchvision", peer);
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
      rows.push_back(compare("torchvision",
                             "training step, ResNet-" + std::to_string(depth) + "-FPN, " +
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
