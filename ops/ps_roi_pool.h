#pragma once

#include <ATen/core/Tensor.h>

namespace lanner::ops {

struct PsRoiPoolOptions {
  double spatial_scale = 1.0;  // feature cells per image pixel
  int64_t pooled_height = 7;
  int64_t pooled_width = 7;
  // The rule of the paper's own code: RoIs are rounded before they are scaled, are at least 0.1
  // cells wide, and read the last row and column. False is torchvision's rule, which never reads
  // those.
  bool original = false;
};

// Position-sensitive RoI pooling (R-FCN, arXiv 1605.06409, section 2): the mean over each bin, of a
// channel of the bin's own.
// input: [N, C * pooled_height * pooled_width, H, W], channel (c * pooled_height + i) *
// pooled_width + j for class c, bin row i, bin column j; rois: [K, 5]: batch index, x1, y1, x2, y2
// in image pixels. Returns [K, C, pooled_height, pooled_width]; an empty bin is 0. Differentiable
// once, with respect to `input` alone; the gradient is that of the forward rule, at the border too
// (torchvision's is not). Throws as roi_align does, and for channels that are no multiple of the
// bins.
at::Tensor ps_roi_pool(const at::Tensor& input, const at::Tensor& rois,
                       const PsRoiPoolOptions& options);

}  // namespace lanner::ops
