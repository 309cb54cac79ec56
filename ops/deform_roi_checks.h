#pragma once

#include "lanner/ops/checks.h"
#include "lanner/ops/deform_roi_sampling.h"

namespace lanner::ops {

inline void check_offset(const char* op, const at::Tensor& input, const at::Tensor& rois,
                         const at::Tensor& offset) {
  TORCH_CHECK(offset.scalar_type() == input.scalar_type() && offset.device() == input.device(), op,
              ": offset: expected the type and device of input, ", input.scalar_type(), " on ",
              input.device(), ", got ", offset.scalar_type(), " on ", offset.device());
  TORCH_CHECK(offset.dim() == 4 && offset.sym_size(0) == rois.sym_size(0), op,
              ": offset: expected [", rois.sym_size(0), ", channels, height, width], got ",
              offset.sym_sizes());
}

inline void check_offset_scale(const char* op, const char* name, double value) {
  TORCH_CHECK(value > -1e6 && value < 1e6, op, ": ", name, ": expected a finite number, got ",
              value);
}

inline void check_deform_roi_pool(const at::Tensor& input, const at::Tensor& rois,
                                  const std::optional<at::Tensor>& offset, double spatial_scale,
                                  int64_t pooled_height, int64_t pooled_width,
                                  int64_t sampling_ratio, double gamma) {
  const char* op = "deform_roi_pool";
  check_rois(op, input, rois);
  check_pooling(op, spatial_scale, pooled_height, pooled_width, sampling_ratio);
  check_offset_scale(op, "gamma", gamma);
  if (!offset) return;
  check_offset(op, input, rois, *offset);
  TORCH_CHECK(offset->sym_size(1) == 2 && offset->sym_size(2) == pooled_height &&
                  offset->sym_size(3) == pooled_width,
              op, ": offset: expected [", rois.sym_size(0), ", 2, ", pooled_height, ", ",
              pooled_width, "], got ", offset->sym_sizes());
}

inline void check_deform_ps_roi_pool(const at::Tensor& input, const at::Tensor& rois,
                                     const std::optional<at::Tensor>& offset, double spatial_scale,
                                     int64_t pooled_height, int64_t pooled_width,
                                     int64_t group_size, int64_t sample_per_part,
                                     double trans_std) {
  const char* op = "deform_ps_roi_pool";
  check_rois(op, input, rois);
  check_pooling(op, spatial_scale, pooled_height, pooled_width);
  check_offset_scale(op, "trans_std", trans_std);
  TORCH_CHECK(group_size > 0 && group_size <= kMaxBins, op, ": group_size: expected 1 to ",
              kMaxBins, ", got ", group_size);
  TORCH_CHECK(sample_per_part > 0 && sample_per_part <= kMaxSamples, op,
              ": sample_per_part: expected 1 to ", kMaxSamples, ", got ", sample_per_part);
  TORCH_CHECK(input.sym_size(1) % (group_size * group_size) == 0, op,
              ": input: expected a number of channels divisible by group_size squared, ",
              group_size * group_size, ", got ", input.sym_size(1));
  if (!offset) return;
  check_offset(op, input, rois, *offset);
  TORCH_CHECK(offset->sym_size(1) > 0 && offset->sym_size(1) % 2 == 0 && offset->sym_size(2) > 0 &&
                  offset->sym_size(3) > 0,
              op, ": offset: expected [", rois.sym_size(0),
              ", 2 * classes, part height, part width], got ", offset->sym_sizes());
  const auto channels = input.sym_size(1) / (group_size * group_size);
  TORCH_CHECK(channels % (offset->sym_size(1) / 2) == 0, op, ": offset: ", offset->sym_size(1) / 2,
              " classes do not divide ", channels, " output channels");
}

// Requires arguments that the operator's check accepts.
inline DeformPoolShape deform_pool_shape(const at::Tensor& input,
                                         const std::optional<at::Tensor>& offset,
                                         int64_t pooled_height, int64_t pooled_width,
                                         int64_t group_size) {
  return {.batch = input.size(0),
          .channels = input.size(1) / (group_size * group_size),
          .height = input.size(2),
          .width = input.size(3),
          .pooled_height = pooled_height,
          .pooled_width = pooled_width,
          .group_size = group_size,
          .classes = offset ? offset->size(1) / 2 : 1,
          .part_height = offset ? offset->size(2) : 1,
          .part_width = offset ? offset->size(3) : 1};
}

inline void check_pooled_grad(const char* op, const at::Tensor& grad, const at::Tensor& input,
                              const at::Tensor& rois, const DeformPoolShape& s) {
  TORCH_CHECK(grad.dim() == 4 && grad.size(0) == rois.size(0) && grad.size(1) == s.channels &&
                  grad.size(2) == s.pooled_height && grad.size(3) == s.pooled_width &&
                  grad.scalar_type() == input.scalar_type() && grad.device() == input.device(),
              op, " backward: grad: expected [", rois.size(0), ", ", s.channels, ", ",
              s.pooled_height, ", ", s.pooled_width, "] of input's type and device, got ",
              grad.sizes(), " ", grad.scalar_type());
}

}  // namespace lanner::ops
