#pragma once

#include <ATen/core/Tensor.h>

namespace lanner::ops {

struct PsRoiAlignOptions {
  double spatial_scale = 1.0;  // feature cells per image pixel
  int64_t pooled_height = 7;
  int64_t pooled_width = 7;
  int64_t sampling_ratio = 0;  // samples a bin on each axis; 0 adapts to the RoI's size
};

// Position-sensitive RoIAlign (Light-Head R-CNN, arXiv 1711.07264): ps_roi_pool's channels,
// roi_align's bilinear samples, always shifted by half a cell, without a least size; torchvision's
// arithmetic, but 0 rather than NaN for a RoI without area and an adaptive ratio. Shapes and errors
// as ps_roi_pool's.
at::Tensor ps_roi_align(const at::Tensor& input, const at::Tensor& rois,
                        const PsRoiAlignOptions& options);

}  // namespace lanner::ops
