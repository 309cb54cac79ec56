#pragma once

#include <ATen/core/Tensor.h>

namespace lanner::ops {

// Boxes are [N, 4]: x1, y1, x2, y2 in pixels, width = x2 - x1 (no "+1").

// Intersection over union of every pair: [N, 4] and [M, 4] give [N, M]. 0/0 is NaN.
at::Tensor box_iou(const at::Tensor& boxes1, const at::Tensor& boxes2);

// Generalised IoU of every pair (arXiv 1902.09630): IoU less the share of the smallest enclosing
// box that neither covers; -1 to 1.
at::Tensor generalized_box_iou(const at::Tensor& boxes1, const at::Tensor& boxes2);

// The boxes cut to the image 0..width, 0..height.
at::Tensor clip_boxes(const at::Tensor& boxes, int64_t height, int64_t width);

// The box regression of R-CNN (arXiv 1311.2524, appendix C), torchvision's arithmetic. `weights`
// multiply the targets: 1, 1, 1, 1 for the RPN, 10, 10, 5, 5 for the box head.
struct BoxCoder {
  double wx = 1, wy = 1, ww = 1, wh = 1;

  // References (anchors or proposals) and the boxes they should become, both [N, 4]: [N, 4]
  // targets.
  at::Tensor encode(const at::Tensor& boxes, const at::Tensor& references) const;

  // deltas: [N, 4 * C], references: [N, 4]. Returns [N, C, 4]. Growth is limited to 1000/16.
  at::Tensor decode(const at::Tensor& deltas, const at::Tensor& references) const;
};

}  // namespace lanner::ops
