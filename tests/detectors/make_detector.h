#pragma once

#include "lanner/detectors/detector.h"
#include "lanner/detectors/models.h"

namespace lanner::tests {

// The small preset, smaller still: it trains in seconds.
inline detectors::DetectorOptions tiny_options(int classes = 2) {
  auto options = detectors::preset("small").options.detector;
  options.backbone.fpn_channels = 32;
  options.anchors.sizes = {{12, 20}, {32, 48}, {64, 96}};
  options.roi.head_width = 64;
  options.resize = {96, 128};
  for (int i = 0; i < classes; ++i)
    options.categories.push_back({10 * (i + 1), "class" + std::to_string(i + 1)});
  return options;
}

inline int64_t parameters(const torch::nn::Module& module) {
  int64_t count = 0;
  for (const auto& parameter : module.parameters()) count += parameter.numel();
  return count;
}

}  // namespace lanner::tests
