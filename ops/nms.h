#pragma once

#include <ATen/core/Tensor.h>

#include "lanner/ops/api.h"

namespace lanner::ops {

// Greedy non-maximum suppression, with torchvision's results.
// boxes: [N, 4]: x1, y1, x2, y2; scores: [N], of the same floating-point type. Boxes are visited in
// order of descending score (ties in their input order); a box is suppressed if its IoU with a kept
// box is above `iou_threshold`.
// Returns the indices of the kept boxes, int64, by descending score. NaN scores come first; an IoU
// of NaN suppresses nothing. Throws c10::Error for invalid shapes, types or devices.
LANNER_API at::Tensor nms(const at::Tensor& boxes, const at::Tensor& scores, double iou_threshold);

// Applies nms within each class. classes: [N], integer. Above 1,000 boxes on the CPU (25,000 on
// CUDA) the classes are processed one by one. Otherwise boxes of different classes are shifted
// apart and processed together, with the same rounding as torchvision.
LANNER_API at::Tensor batched_nms(const at::Tensor& boxes, const at::Tensor& scores,
                                  const at::Tensor& classes, double iou_threshold);

}  // namespace lanner::ops
