#include "lanner/ops/ps_roi_pool.h"

#include <torch/library.h>

#include "lanner/ops/checks.h"
#include "lanner/ops/roi_op.h"

namespace lanner::ops {
namespace {

struct PsRoiPool {
  static constexpr const char* name = "ps_roi_pool";
};
using Op = RoiOp<PsRoiPool, double, int64_t, int64_t, bool>;

at::Tensor meta(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                int64_t pooled_height, int64_t pooled_width, bool) {
  check_ps_rois("ps_roi_pool", input, rois, spatial_scale, pooled_height, pooled_width);
  return at::empty_symint({rois.sym_size(0), input.sym_size(1) / (pooled_height * pooled_width),
                           pooled_height, pooled_width},
                          input.options().memory_format(input.suggest_memory_format()));
}

TORCH_LIBRARY_FRAGMENT(lanner, m) {
  m.def(
      "ps_roi_pool(Tensor input, Tensor rois, float spatial_scale, int pooled_height, "
      "int pooled_width, bool original=False) -> Tensor");
  m.def(
      "_ps_roi_pool_backward(Tensor grad, Tensor rois, float spatial_scale, int pooled_height, "
      "int pooled_width, bool original, SymInt batch, SymInt channels, SymInt height, "
      "SymInt width) -> Tensor");
}
TORCH_LIBRARY_IMPL(lanner, Meta, m) {
  m.impl("ps_roi_pool", meta);
  m.impl("_ps_roi_pool_backward", Op::backward_meta);
}
TORCH_LIBRARY_IMPL(lanner, AutocastCPU, m) {
  m.impl("ps_roi_pool", Op::autocast<c10::DispatchKey::AutocastCPU, c10::kCPU>);
}
TORCH_LIBRARY_IMPL(lanner, AutocastCUDA, m) {
  m.impl("ps_roi_pool", Op::autocast<c10::DispatchKey::AutocastCUDA, c10::kCUDA>);
}

}  // namespace

at::Tensor ps_roi_pool(const at::Tensor& input, const at::Tensor& rois,
                       const PsRoiPoolOptions& options) {
  return Op::call(input, rois, options.spatial_scale, options.pooled_height, options.pooled_width,
                  options.original);
}

}  // namespace lanner::ops
