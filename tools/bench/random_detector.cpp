#include "tools/bench/random_detector.h"

#include "lanner/detectors/device.h"
#include "lanner/detectors/weights/checkpoint.h"

namespace lanner::tools {

detectors::DetectorOptions with_classes(detectors::DetectorOptions options, int classes) {
  for (int i = 1; i <= classes; ++i) options.categories.push_back({i, std::to_string(i)});
  return options;
}

detectors::Detector random_detector(const detectors::DetectorOptions& options) {
  torch::manual_seed(0);
  detectors::Detector detector(options);
  for (auto& item : detector->named_buffers())
    if (item.key().ends_with("running_var")) item.value().fill_(4);
  detectors::place(*detector, torch::kCPU);
  return detector;
}

}  // namespace lanner::tools
