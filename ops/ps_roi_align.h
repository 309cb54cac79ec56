#pragma once

#include <ATen/core/Tensor.h>

#include "lanner/ops/api.h"

namespace lanner::ops {

struct PsRoiAlignOptions {
  double spatial_scale = 1.0;  // 1 / stride: feature-map pixels per image pixel
  int64_t pooled_height = 7;
  int64_t pooled_width = 7;
  int64_t sampling_ratio = 0;  // samples per bin and axis; 0 adapts to the RoI's size
};

// Position-sensitive RoIAlign (Light-Head R-CNN, arXiv 1711.07264): the channel layout of
// ps_roi_pool with the bilinear samples of roi_align, always shifted by half a pixel and without a
// minimum RoI size. Uses torchvision's arithmetic, but with an adaptive sampling ratio a RoI
// without area gives 0 instead of NaN. Shapes and errors are those of ps_roi_pool.
LANNER_API at::Tensor ps_roi_align(const at::Tensor& input, const at::Tensor& rois,
                                   const PsRoiAlignOptions& options);

}  // namespace lanner::ops
