#include "lanner/ops/ps_roi_align.h"

#include <torch/library.h>

#include "lanner/ops/checks.h"
#include "lanner/ops/roi_op.h"

namespace lanner::ops {
namespace {

struct PsRoiAlign {
  static constexpr const char* name = "ps_roi_align";
};
using Op = RoiOp<PsRoiAlign, double, int64_t, int64_t, int64_t>;

at::Tensor meta(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                int64_t pooled_height, int64_t pooled_width, int64_t sampling_ratio) {
  check_ps_rois("ps_roi_align", input, rois, spatial_scale, pooled_height, pooled_width,
                sampling_ratio);
  return at::empty_symint({rois.sym_size(0), input.sym_size(1) / (pooled_height * pooled_width),
                           pooled_height, pooled_width},
                          input.options().memory_format(input.suggest_memory_format()));
}

TORCH_LIBRARY_FRAGMENT(lanner, m) {
  m.def(
      "ps_roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, "
      "int pooled_width, int sampling_ratio) -> Tensor");
  m.def(
      "_ps_roi_align_backward(Tensor grad, Tensor rois, float spatial_scale, int pooled_height, "
      "int pooled_width, int sampling_ratio, SymInt batch, SymInt channels, SymInt height, "
      "SymInt width) -> Tensor");
}
TORCH_LIBRARY_IMPL(lanner, Meta, m) {
  m.impl("ps_roi_align", meta);
  m.impl("_ps_roi_align_backward", Op::backward_meta);
}
TORCH_LIBRARY_IMPL(lanner, AutocastCPU, m) {
  m.impl("ps_roi_align", Op::autocast<c10::DispatchKey::AutocastCPU, c10::kCPU>);
}
TORCH_LIBRARY_IMPL(lanner, AutocastCUDA, m) {
  m.impl("ps_roi_align", Op::autocast<c10::DispatchKey::AutocastCUDA, c10::kCUDA>);
}

}  // namespace

at::Tensor ps_roi_align(const at::Tensor& input, const at::Tensor& rois,
                        const PsRoiAlignOptions& options) {
  return Op::call(input, rois, options.spatial_scale, options.pooled_height, options.pooled_width,
                  options.sampling_ratio);
}

}  // namespace lanner::ops
