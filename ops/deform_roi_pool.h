#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "lanner/ops/api.h"

namespace lanner::ops {

struct DeformRoiPoolOptions {
  double spatial_scale = 1.0;  // 1 / stride: feature-map pixels per image pixel
  int64_t pooled_height = 7;
  int64_t pooled_width = 7;
  int64_t sampling_ratio = 0;  // samples per bin and axis; 0 adapts to the RoI's size
  double gamma = 0.1;          // an offset of 1 moves a bin by gamma times the RoI's size
};

// Deformable RoI pooling (arXiv 1703.06211, section 2.2), implemented with RoIAlign's sampling:
// each bin is shifted by its offset, and the bilinear samples at the centers of its sub-cells are
// averaged. RoIs are shifted by half a pixel and have no minimum size. Samples are clamped as in
// roi_align.
// input: [N, C, H, W]; rois: [K, 5]: batch index, x1, y1, x2, y2 in image pixels; offset: [K, 2,
// pooled_height, pooled_width], horizontal then vertical, in units of gamma times the RoI's size.
// Returns [K, C, pooled_height, pooled_width]. First derivatives with respect to input and offset
// are supported; clamped samples contribute no offset gradient. Throws as roi_align does.
LANNER_API at::Tensor deform_roi_pool(const at::Tensor& input, const at::Tensor& rois,
                                      const std::optional<at::Tensor>& offset,
                                      const DeformRoiPoolOptions& options);

struct DeformPsRoiPoolOptions {
  double spatial_scale = 1.0;
  int64_t pooled_height = 7;
  int64_t pooled_width = 7;
  int64_t group_size = 1;       // position-sensitive groups per axis; 1 for plain features
  int64_t sample_per_part = 4;  // samples per bin and axis
  double trans_std = 0.1;       // an offset of 1 moves a bin by trans_std times the RoI's size
};

// Deformable position-sensitive RoI pooling, as implemented in the official code of arXiv
// 1703.06211 (section 2.2). RoIs are rounded before scaling. Samples start at the top-left corner
// of each bin's sub-cells; samples more than half a pixel outside the map are excluded from the
// mean.
// input: [N, C * group_size^2, H, W], with channel (c * group_size + row) * group_size + column;
// rois: as for deform_roi_pool; offset: [K, 2 * classes, part, part], where channels 2k and 2k + 1
// are the horizontal and vertical offsets of class k, which has C / classes channels. Without
// offsets, bins are not moved.
// Returns [K, C, pooled_height, pooled_width]. Supports the same derivatives and throws the same
// errors as deform_roi_pool.
LANNER_API at::Tensor deform_ps_roi_pool(const at::Tensor& input, const at::Tensor& rois,
                                         const std::optional<at::Tensor>& offset,
                                         const DeformPsRoiPoolOptions& options);

}  // namespace lanner::ops
