#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace lanner::ops {

struct DeformRoiPoolOptions {
  double spatial_scale = 1.0;  // feature cells per image pixel
  int64_t pooled_height = 7;
  int64_t pooled_width = 7;
  int64_t sampling_ratio = 0;  // samples a bin on each axis; 0 adapts to the RoI's size
  double gamma = 0.1;          // of the RoI's size, that an offset of 1 moves a bin by
};

// Deformable RoI pooling (arXiv 1703.06211, section 2.2) in the form of RoIAlign: every bin moved
// by an offset of its own, bilinear samples at the centres of its parts, averaged. RoIs are shifted
// by half a cell and have no least size; samples are clamped as roi_align's are. input: [N, C, H,
// W]; rois: [K, 5]: batch index, x1, y1, x2, y2 in image pixels; offset: [K, 2, pooled_height,
// pooled_width], horizontal then vertical, in units of gamma times the RoI's size. Returns [K, C,
// pooled_height, pooled_width]. Differentiable once, with respect to input and offset; a clamped
// sample has no slope. Throws as roi_align does.
at::Tensor deform_roi_pool(const at::Tensor& input, const at::Tensor& rois,
                           const std::optional<at::Tensor>& offset,
                           const DeformRoiPoolOptions& options);

struct DeformPsRoiPoolOptions {
  double spatial_scale = 1.0;
  int64_t pooled_height = 7;
  int64_t pooled_width = 7;
  int64_t group_size = 1;       // position-sensitive groups on each axis; 1 for plain features
  int64_t sample_per_part = 4;  // samples a bin on each axis
  double trans_std = 0.1;       // of the RoI's size, that an offset of 1 moves a bin by
};

// Deformable position-sensitive RoI pooling, the operator of the paper's own code (arXiv
// 1703.06211, section 2.2). RoIs are rounded before they are scaled; samples begin at the left
// upper edge of a bin's parts; those more than half a cell outside are left out of the mean. input:
// [N, C * group_size^2, H, W], channel (c * group_size + row) * group_size + column; rois as
// deform_roi_pool's; offset: [K, 2 * classes, part, part], channel 2k horizontal and 2k + 1
// vertical for class k, which owns C / classes channels; without it bins stay. Returns
// [K, C, pooled_height, pooled_width]. Differentiable and throws as deform_roi_pool does.
at::Tensor deform_ps_roi_pool(const at::Tensor& input, const at::Tensor& rois,
                              const std::optional<at::Tensor>& offset,
                              const DeformPsRoiPoolOptions& options);

}  // namespace lanner::ops
