#pragma once

#include <ATen/core/Tensor.h>

#include "lanner/ops/api.h"

namespace lanner::ops {

// Boxes are [N, 4]: x1, y1, x2, y2 in pixels, with width = x2 - x1 (no "+1").

// IoU of every pair of boxes: [..., N, 4] and [..., M, 4] give [..., N, M]. 0/0 is NaN.
LANNER_API at::Tensor box_iou(const at::Tensor& boxes1, const at::Tensor& boxes2);

// Generalized IoU of every pair (arXiv 1902.09630), [..., N, M], in -1..1: the IoU minus the
// fraction of the smallest enclosing box that neither box covers.
LANNER_API at::Tensor generalized_box_iou(const at::Tensor& boxes1, const at::Tensor& boxes2);

// Clips boxes to the image: x to 0..width, y to 0..height.
LANNER_API at::Tensor clip_boxes(const at::Tensor& boxes, int64_t height, int64_t width);

// Box regression of R-CNN (arXiv 1311.2524, appendix C), with torchvision's arithmetic. The weights
// multiply the targets: 1, 1, 1, 1 for the RPN; 10, 10, 5, 5 for the box head.
struct LANNER_API BoxCoder {
  double wx = 1, wy = 1, ww = 1, wh = 1;

  // Returns the regression targets [N, 4] that turn `references` (anchors or proposals, [N, 4])
  // into `boxes` [N, 4].
  at::Tensor encode(const at::Tensor& boxes, const at::Tensor& references) const;

  // deltas: [N, 4 * C]; references: [N, 4]. Returns boxes [N, C, 4]. Sides grow by a factor of at
  // most 1000/16.
  at::Tensor decode(const at::Tensor& deltas, const at::Tensor& references) const;
};

}  // namespace lanner::ops
