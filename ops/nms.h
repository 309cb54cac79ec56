#pragma once

#include <ATen/core/Tensor.h>

namespace lanner::ops {

// Greedy non-maximum suppression, with torchvision's results.
// boxes: [N, 4]: x1, y1, x2, y2; scores: [N], both of one floating-point type. Boxes are taken by
// descending score (ties in their order), and a box goes where its IoU with a kept one is above
// `iou_threshold`. Returns the kept indices, int64, by descending score. NaN scores come first; an
// IoU of NaN suppresses nothing. Throws c10::Error for wrong shapes, types or devices.
at::Tensor nms(const at::Tensor& boxes, const at::Tensor& scores, double iou_threshold);

// nms within each class: classes: [N], integer. Above 1,000 boxes on a CPU (25,000 on CUDA) class
// by class; otherwise in one run on boxes shifted apart, as torchvision does, rounding included.
at::Tensor batched_nms(const at::Tensor& boxes, const at::Tensor& scores, const at::Tensor& classes,
                       double iou_threshold);

}  // namespace lanner::ops
