#pragma once

#include <ATen/core/Tensor.h>

namespace lanner::detectors {

struct RoiOptions;

struct Suppressed {
  at::Tensor indices;  // int64, by descending score
  at::Tensor scores;   // of those, lowered by Soft-NMS
};

// NMS or Soft-NMS within each class, as the options say. boxes: [D, 4] in pixels; scores: [D];
// labels: [D], integer.
Suppressed suppress(const at::Tensor& boxes, const at::Tensor& scores, const at::Tensor& labels,
                    const RoiOptions& options);

}  // namespace lanner::detectors
