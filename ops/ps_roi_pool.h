#pragma once

#include <ATen/core/Tensor.h>

#include "lanner/ops/api.h"

namespace lanner::ops {

struct PsRoiPoolOptions {
  double spatial_scale = 1.0;  // 1 / stride: feature-map pixels per image pixel
  int64_t pooled_height = 7;
  int64_t pooled_width = 7;
  // True follows the official R-FCN code: RoIs are rounded before scaling, are at least 0.1 pixels
  // wide and high, and can read the last row and column. False follows torchvision, which never
  // reads the last row and column.
  bool original = false;
};

// Position-sensitive RoI pooling (R-FCN, arXiv 1605.06409, section 2): each bin averages its own
// channel over its area.
// input: [N, C * pooled_height * pooled_width, H, W], with channel (c * pooled_height + i) *
// pooled_width + j for class c, bin row i and bin column j; rois: [K, 5]: batch index, x1, y1, x2,
// y2 in image pixels.
// Returns [K, C, pooled_height, pooled_width]; an empty bin is 0. The first derivative with respect
// to `input` is supported. It matches the forward pass at the border too, unlike torchvision's.
// Throws as roi_align does, and if the number of channels is not a multiple of the number of bins.
LANNER_API at::Tensor ps_roi_pool(const at::Tensor& input, const at::Tensor& rois,
                                  const PsRoiPoolOptions& options);

}  // namespace lanner::ops
