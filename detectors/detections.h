#pragma once

#include <ATen/core/Tensor.h>

namespace lanner::detectors {

// The detections of one image.
struct Detections {
  at::Tensor boxes;   // [D, 4] float: x1, y1, x2, y2 in pixels of the original image
  at::Tensor labels;  // [D] int64: 1..C
  at::Tensor scores;  // [D] float in 0..1, descending
};

}  // namespace lanner::detectors
