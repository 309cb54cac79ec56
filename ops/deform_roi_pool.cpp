#include "lanner/ops/deform_roi_pool.h"

#include <torch/library.h>

#include "lanner/ops/deform_roi_checks.h"
#include "lanner/ops/deform_roi_op.h"

namespace lanner::ops {
namespace {

struct RoiPool {
  static constexpr const char* name = "deform_roi_pool";
};
struct PsRoiPool {
  static constexpr const char* name = "deform_ps_roi_pool";
};
using RoiOp = DeformRoiOp<RoiPool, double, int64_t, int64_t, int64_t, double>;
using PsOp = DeformRoiOp<PsRoiPool, double, int64_t, int64_t, int64_t, int64_t, double>;

at::Tensor empty_pooled(const at::Tensor& input, const at::Tensor& rois, int64_t groups,
                        int64_t pooled_height, int64_t pooled_width) {
  return at::empty_symint(
      {rois.sym_size(0), input.sym_size(1) / groups, pooled_height, pooled_width},
      input.options().memory_format(input.suggest_memory_format()));
}

at::Tensor roi_meta(const at::Tensor& input, const at::Tensor& rois,
                    const std::optional<at::Tensor>& offset, double spatial_scale,
                    int64_t pooled_height, int64_t pooled_width, int64_t sampling_ratio,
                    double gamma) {
  check_deform_roi_pool(input, rois, offset, spatial_scale, pooled_height, pooled_width,
                        sampling_ratio, gamma);
  return empty_pooled(input, rois, 1, pooled_height, pooled_width);
}

at::Tensor ps_meta(const at::Tensor& input, const at::Tensor& rois,
                   const std::optional<at::Tensor>& offset, double spatial_scale,
                   int64_t pooled_height, int64_t pooled_width, int64_t group_size,
                   int64_t sample_per_part, double trans_std) {
  check_deform_ps_roi_pool(input, rois, offset, spatial_scale, pooled_height, pooled_width,
                           group_size, sample_per_part, trans_std);
  return empty_pooled(input, rois, group_size * group_size, pooled_height, pooled_width);
}

TORCH_LIBRARY_FRAGMENT(lanner, m) {
  m.def(
      "deform_roi_pool(Tensor input, Tensor rois, Tensor? offset, float spatial_scale, "
      "int pooled_height, int pooled_width, int sampling_ratio, float gamma) -> Tensor");
  m.def(
      "_deform_roi_pool_backward(Tensor grad, Tensor input, Tensor rois, Tensor? offset, "
      "float spatial_scale, int pooled_height, int pooled_width, int sampling_ratio, "
      "float gamma) -> (Tensor input, Tensor offset)");
  m.def(
      "deform_ps_roi_pool(Tensor input, Tensor rois, Tensor? offset, float spatial_scale, "
      "int pooled_height, int pooled_width, int group_size, int sample_per_part, "
      "float trans_std) -> Tensor");
  m.def(
      "_deform_ps_roi_pool_backward(Tensor grad, Tensor input, Tensor rois, Tensor? offset, "
      "float spatial_scale, int pooled_height, int pooled_width, int group_size, "
      "int sample_per_part, float trans_std) -> (Tensor input, Tensor offset)");
}
TORCH_LIBRARY_IMPL(lanner, Meta, m) {
  m.impl("deform_roi_pool", roi_meta);
  m.impl("_deform_roi_pool_backward", RoiOp::backward_meta);
  m.impl("deform_ps_roi_pool", ps_meta);
  m.impl("_deform_ps_roi_pool_backward", PsOp::backward_meta);
}
TORCH_LIBRARY_IMPL(lanner, AutocastCPU, m) {
  m.impl("deform_roi_pool", RoiOp::autocast<c10::DispatchKey::AutocastCPU, c10::kCPU>);
  m.impl("deform_ps_roi_pool", PsOp::autocast<c10::DispatchKey::AutocastCPU, c10::kCPU>);
}
TORCH_LIBRARY_IMPL(lanner, AutocastCUDA, m) {
  m.impl("deform_roi_pool", RoiOp::autocast<c10::DispatchKey::AutocastCUDA, c10::kCUDA>);
  m.impl("deform_ps_roi_pool", PsOp::autocast<c10::DispatchKey::AutocastCUDA, c10::kCUDA>);
}

}  // namespace

at::Tensor deform_roi_pool(const at::Tensor& input, const at::Tensor& rois,
                           const std::optional<at::Tensor>& offset,
                           const DeformRoiPoolOptions& options) {
  return RoiOp::call(input, rois, offset, options.spatial_scale, options.pooled_height,
                     options.pooled_width, options.sampling_ratio, options.gamma);
}

at::Tensor deform_ps_roi_pool(const at::Tensor& input, const at::Tensor& rois,
                              const std::optional<at::Tensor>& offset,
                              const DeformPsRoiPoolOptions& options) {
  return PsOp::call(input, rois, offset, options.spatial_scale, options.pooled_height,
                    options.pooled_width, options.group_size, options.sample_per_part,
                    options.trans_std);
}

}  // namespace lanner::ops
