#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "lanner/ops/api.h"

namespace lanner::ops {

struct RoiAlignOptions {
  double spatial_scale = 1.0;  // 1 / stride: feature-map pixels per image pixel
  int64_t pooled_height = 7;
  int64_t pooled_width = 7;
  int64_t sampling_ratio = 0;  // samples per bin and axis; 0 adapts to the RoI's size
  bool aligned = false;        // shift by half a pixel (Detectron2's correction)
};

// RoIAlign (Mask R-CNN, arXiv 1703.06870, section 3), with torchvision's arithmetic.
// input: [N, C, H, W], floating point, any strides; rois: [K, 5]: batch index, x1, y1, x2, y2 in
// image pixels, of the same type.
// Returns [K, C, pooled_height, pooled_width], channels-last if the input is. The first derivative
// with respect to `input` is supported.
// Throws c10::Error for invalid shapes, types or devices, and for a batch index outside 0..N-1.
// CUDA kernels cannot throw; there such a RoI gives zeros.
LANNER_API at::Tensor roi_align(const at::Tensor& input, const at::Tensor& rois,
                                const RoiAlignOptions& options);

// Per-tensor affine quantization to uint8: value = scale * (q - zero_point).
struct Affine {
  double scale = 1;
  int64_t zero_point = 0;  // 0..255
};

// RoIAlign from a pyramid, for detection on a CPU: RoI k is pooled from maps[levels[k]] with
// scales[levels[k]] in place of options.spatial_scale.
// maps: [N, C, Hi, Wi], channels-last, C a multiple of 16; float, bfloat16 or quint8, which are
// read as they are stored. rois: [K, 5] float; levels: [K] int64.
// Returns [K, C, pooled_height, pooled_width] in the given memory format: quantized to quint8 if
// `output` is given, bfloat16 for maps of bfloat16, and float otherwise. Records no gradients.
// Throws c10::Error for other shapes and types.
LANNER_API at::Tensor roi_align_levels(const std::vector<at::Tensor>& maps,
                                       const std::vector<double>& scales, const at::Tensor& rois,
                                       const at::Tensor& levels, const RoiAlignOptions& options,
                                       at::MemoryFormat format,
                                       const std::optional<Affine>& output = {});

// Whether roi_align_levels takes such a map.
LANNER_API bool is_roi_align_level(const at::Tensor& map);

}  // namespace lanner::ops
