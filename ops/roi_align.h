#pragma once

#include <ATen/core/Tensor.h>

namespace lanner::ops {

struct RoiAlignOptions {
  double spatial_scale = 1.0;  // feature cells per image pixel
  int64_t pooled_height = 7;
  int64_t pooled_width = 7;
  int64_t sampling_ratio = 0;  // samples a bin on each axis; 0 adapts to the RoI's size
  bool aligned = false;        // true shifts by half a cell (Detectron2's correction)
};

// RoIAlign (Mask R-CNN, arXiv 1703.06870, section 3), with torchvision's arithmetic.
// input: [N, C, H, W], floating point, any strides; rois: [K, 5]: batch index, x1, y1, x2, y2 in
// image pixels, of the same type. Returns [K, C, pooled_height, pooled_width], channels-last where
// the input is. Differentiable once, with respect to `input` alone.
// Throws c10::Error for wrong shapes, types or devices, and for a batch index outside 0..N-1 (CUDA,
// which cannot throw from a kernel, gives zeros for such a RoI).
at::Tensor roi_align(const at::Tensor& input, const at::Tensor& rois,
                     const RoiAlignOptions& options);

}  // namespace lanner::ops
