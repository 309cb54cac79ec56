#pragma once

#include <ATen/core/Tensor.h>

#include "lanner/ops/api.h"

namespace lanner::ops {

struct RoiPoolOptions {
  double spatial_scale = 1.0;  // 1 / stride: feature-map pixels per image pixel
  int64_t pooled_height = 7;
  int64_t pooled_width = 7;
};

// RoI max pooling (Fast R-CNN, arXiv 1504.08083, section 2.1), with torchvision's arithmetic:
// coordinates are scaled, then rounded half away from zero, and the end is inclusive.
// input: [N, C, H, W], floating point, any strides; rois: [K, 5]: batch index, x1, y1, x2, y2 in
// image pixels, of the same type.
// Returns [K, C, pooled_height, pooled_width], channels-last if the input is; an empty bin is 0.
// The first derivative with respect to `input` is supported. Throws as roi_align does.
LANNER_API at::Tensor roi_pool(const at::Tensor& input, const at::Tensor& rois,
                               const RoiPoolOptions& options);

}  // namespace lanner::ops
