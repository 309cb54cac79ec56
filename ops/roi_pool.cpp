#include "lanner/ops/roi_pool.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include "lanner/ops/checks.h"

namespace lanner::ops {
namespace {

// The output, and the argmax: row * width + column within the channel's plane, or -1.
using Pooled = std::tuple<at::Tensor, at::Tensor>;

Pooled call(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
            int64_t pooled_height, int64_t pooled_width) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("lanner::roi_pool", "")
                       .typed<decltype(call)>();
  return op.call(input, rois, spatial_scale, pooled_height, pooled_width);
}

Pooled meta(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
            int64_t pooled_height, int64_t pooled_width) {
  check_rois("roi_pool", input, rois);
  check_pooling("roi_pool", spatial_scale, pooled_height, pooled_width);
  const std::vector<c10::SymInt> size{rois.sym_size(0), input.sym_size(1), pooled_height,
                                      pooled_width};
  const auto options = input.options().memory_format(input.suggest_memory_format());
  return {at::empty_symint(size, options), at::empty_symint(size, options.dtype(at::kInt))};
}

at::Tensor backward_meta(const at::Tensor& grad, const at::Tensor&, const at::Tensor&,
                         c10::SymInt batch, c10::SymInt channels, c10::SymInt height,
                         c10::SymInt width) {
  return at::empty_symint({batch, channels, height, width},
                          grad.options().memory_format(grad.suggest_memory_format()));
}

template <c10::DispatchKey key, c10::DeviceType device>
Pooled autocast(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                int64_t pooled_height, int64_t pooled_width) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(key);
  const auto [output, argmax] = call(at::autocast::cached_cast(at::kFloat, input, device),
                                     at::autocast::cached_cast(at::kFloat, rois, device),
                                     spatial_scale, pooled_height, pooled_width);
  return {output.to(input.scalar_type()), argmax};
}

TORCH_LIBRARY_FRAGMENT(lanner, m) {
  m.def(
      "roi_pool(Tensor input, Tensor rois, float spatial_scale, int pooled_height, "
      "int pooled_width) -> (Tensor output, Tensor argmax)");
  m.def(
      "_roi_pool_backward(Tensor grad, Tensor rois, Tensor argmax, SymInt batch, SymInt channels, "
      "SymInt height, SymInt width) -> Tensor");
}
TORCH_LIBRARY_IMPL(lanner, Meta, m) {
  m.impl("roi_pool", meta);
  m.impl("_roi_pool_backward", backward_meta);
}
TORCH_LIBRARY_IMPL(lanner, AutocastCPU, m) {
  m.impl("roi_pool", autocast<c10::DispatchKey::AutocastCPU, c10::kCPU>);
}
TORCH_LIBRARY_IMPL(lanner, AutocastCUDA, m) {
  m.impl("roi_pool", autocast<c10::DispatchKey::AutocastCUDA, c10::kCUDA>);
}

}  // namespace

at::Tensor roi_pool(const at::Tensor& input, const at::Tensor& rois,
                    const RoiPoolOptions& options) {
  return std::get<0>(
      call(input, rois, options.spatial_scale, options.pooled_height, options.pooled_width));
}

}  // namespace lanner::ops
