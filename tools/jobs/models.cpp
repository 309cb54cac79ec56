#include "tools/jobs/models.h"

#include <algorithm>
#include <cstdio>

#include "lanner/detectors/flop_count.h"
#include "lanner/detectors/presets.h"
#include "tools/bench/random_detector.h"

namespace lanner::tools {

int list_models(const ModelsOptions& o) {
  const auto size = std::to_string(o.height) + "x" + std::to_string(o.width);
  std::printf("%-28s %12s %10s %8s\n", "", "image", "parameters", "GFLOPs");
  for (const auto& preset : detectors::presets()) {
    auto options = with_classes(preset.options.detector, static_cast<int>(o.classes));
    options.resize = {static_cast<int>(std::min(o.height, o.width)),
                      static_cast<int>(std::max(o.height, o.width))};
    options.rpn.nms_iou = 1;  // NMS then removes no proposals, so the count is the maximum
    auto detector = random_detector(options);
    detector->eval();
    double parameters = 0;
    for (const auto& parameter : detector->parameters()) parameters += double(parameter.numel());
    const detectors::FlopCount flop_count;
    detector->detect(detector->prepare({torch::rand({3, o.height, o.width})}));
    std::printf("%-28s %12s %8.1f M %8.0f\n    %s\n    settings from: %s\n", preset.name.c_str(),
                size.c_str(), parameters / 1e6, flop_count.total() / 1e9,
                preset.description.c_str(), preset.source.c_str());
    std::fflush(stdout);
  }
  std::printf(
      "GFLOPs: convolutions and linear layers, a multiply-add counted as two. %lld classes.\n",
      static_cast<long long>(o.classes));
  return 0;
}

}  // namespace lanner::tools
