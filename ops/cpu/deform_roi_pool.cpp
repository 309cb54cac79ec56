#include <torch/library.h>

#include "lanner/ops/cpu/deform_pool.h"
#include "lanner/ops/deform_roi_checks.h"

namespace lanner::ops {
namespace {

using Optional = std::optional<at::Tensor>;
using Gradients = std::tuple<at::Tensor, at::Tensor>;

at::Tensor deform_roi_pool_cpu(const at::Tensor& input, const at::Tensor& rois,
                               const Optional& offset, double spatial_scale, int64_t pooled_height,
                               int64_t pooled_width, int64_t sampling_ratio, double gamma) {
  check_deform_roi_pool(input, rois, offset, spatial_scale, pooled_height, pooled_width,
                        sampling_ratio, gamma);
  return deform_pooled(
      "deform_roi_pool", deform_pool_shape(input, offset, pooled_height, pooled_width, 1),
      DeformRoiPoolSampling{spatial_scale, gamma, sampling_ratio}, input, rois, offset);
}

Gradients deform_roi_pool_backward_cpu(const at::Tensor& grad, const at::Tensor& input,
                                       const at::Tensor& rois, const Optional& offset,
                                       double spatial_scale, int64_t pooled_height,
                                       int64_t pooled_width, int64_t sampling_ratio, double gamma) {
  check_deform_roi_pool(input, rois, offset, spatial_scale, pooled_height, pooled_width,
                        sampling_ratio, gamma);
  const auto shape = deform_pool_shape(input, offset, pooled_height, pooled_width, 1);
  check_pooled_grad("deform_roi_pool", grad, input, rois, shape);
  return deform_pooled_backward("deform_roi_pool backward", shape,
                                DeformRoiPoolSampling{spatial_scale, gamma, sampling_ratio}, grad,
                                input, rois, offset);
}

at::Tensor deform_ps_roi_pool_cpu(const at::Tensor& input, const at::Tensor& rois,
                                  const Optional& offset, double spatial_scale,
                                  int64_t pooled_height, int64_t pooled_width, int64_t group_size,
                                  int64_t sample_per_part, double trans_std) {
  check_deform_ps_roi_pool(input, rois, offset, spatial_scale, pooled_height, pooled_width,
                           group_size, sample_per_part, trans_std);
  return deform_pooled("deform_ps_roi_pool",
                       deform_pool_shape(input, offset, pooled_height, pooled_width, group_size),
                       DeformPsRoiPoolSampling{spatial_scale, trans_std, sample_per_part}, input,
                       rois, offset);
}

Gradients deform_ps_roi_pool_backward_cpu(const at::Tensor& grad, const at::Tensor& input,
                                          const at::Tensor& rois, const Optional& offset,
                                          double spatial_scale, int64_t pooled_height,
                                          int64_t pooled_width, int64_t group_size,
                                          int64_t sample_per_part, double trans_std) {
  check_deform_ps_roi_pool(input, rois, offset, spatial_scale, pooled_height, pooled_width,
                           group_size, sample_per_part, trans_std);
  const auto shape = deform_pool_shape(input, offset, pooled_height, pooled_width, group_size);
  check_pooled_grad("deform_ps_roi_pool", grad, input, rois, shape);
  return deform_pooled_backward("deform_ps_roi_pool backward", shape,
                                DeformPsRoiPoolSampling{spatial_scale, trans_std, sample_per_part},
                                grad, input, rois, offset);
}

TORCH_LIBRARY_IMPL(lanner, CPU, m) {
  m.impl("deform_roi_pool", deform_roi_pool_cpu);
  m.impl("_deform_roi_pool_backward", deform_roi_pool_backward_cpu);
  m.impl("deform_ps_roi_pool", deform_ps_roi_pool_cpu);
  m.impl("_deform_ps_roi_pool_backward", deform_ps_roi_pool_backward_cpu);
}

}  // namespace
}  // namespace lanner::ops
