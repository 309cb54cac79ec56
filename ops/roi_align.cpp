#include "lanner/ops/roi_align.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include "lanner/ops/checks.h"

namespace lanner::ops {
namespace {

at::Tensor call(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                int64_t pooled_height, int64_t pooled_width, int64_t sampling_ratio, bool aligned) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("lanner::roi_align", "")
                       .typed<decltype(call)>();
  return op.call(input, rois, spatial_scale, pooled_height, pooled_width, sampling_ratio, aligned);
}

at::Tensor meta(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                int64_t pooled_height, int64_t pooled_width, int64_t, bool) {
  check_rois("roi_align", input, rois);
  check_pooling("roi_align", spatial_scale, pooled_height, pooled_width);
  return at::empty_symint({rois.sym_size(0), input.sym_size(1), pooled_height, pooled_width},
                          input.options().memory_format(input.suggest_memory_format()));
}

at::Tensor backward_meta(const at::Tensor& grad, const at::Tensor&, double, int64_t, int64_t,
                         c10::SymInt batch, c10::SymInt channels, c10::SymInt height,
                         c10::SymInt width, int64_t, bool) {
  return at::empty_symint({batch, channels, height, width},
                          grad.options().memory_format(grad.suggest_memory_format()));
}

// Under autocast the operator runs in float32: its coordinates would not survive 16 bits.
template <c10::DispatchKey key, c10::DeviceType device>
at::Tensor autocast(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                    int64_t pooled_height, int64_t pooled_width, int64_t sampling_ratio,
                    bool aligned) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(key);
  return call(at::autocast::cached_cast(at::kFloat, input, device),
              at::autocast::cached_cast(at::kFloat, rois, device), spatial_scale, pooled_height,
              pooled_width, sampling_ratio, aligned)
      .to(input.scalar_type());
}

TORCH_LIBRARY_FRAGMENT(lanner, m) {
  m.def(
      "roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, "
      "int pooled_width, int sampling_ratio, bool aligned) -> Tensor");
  m.def(
      "_roi_align_backward(Tensor grad, Tensor rois, float spatial_scale, int pooled_height, "
      "int pooled_width, SymInt batch, SymInt channels, SymInt height, SymInt width, "
      "int sampling_ratio, bool aligned) -> Tensor");
}
TORCH_LIBRARY_IMPL(lanner, Meta, m) {
  m.impl("roi_align", meta);
  m.impl("_roi_align_backward", backward_meta);
}
TORCH_LIBRARY_IMPL(lanner, AutocastCPU, m) {
  m.impl("roi_align", autocast<c10::DispatchKey::AutocastCPU, c10::kCPU>);
}
TORCH_LIBRARY_IMPL(lanner, AutocastCUDA, m) {
  m.impl("roi_align", autocast<c10::DispatchKey::AutocastCUDA, c10::kCUDA>);
}

}  // namespace

at::Tensor roi_align(const at::Tensor& input, const at::Tensor& rois,
                     const RoiAlignOptions& options) {
  return call(input, rois, options.spatial_scale, options.pooled_height, options.pooled_width,
              options.sampling_ratio, options.aligned);
}

}  // namespace lanner::ops
