#include <torch/library.h>

#include "lanner/ops/cpu/ps_roi.h"

namespace lanner::ops {
namespace {

at::Tensor ps_roi_align_cpu(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                            int64_t pooled_height, int64_t pooled_width, int64_t sampling_ratio) {
  return ps_roi_forward("ps_roi_align", PsAlignRule{sampling_ratio}, input, rois, spatial_scale,
                        pooled_height, pooled_width);
}

at::Tensor ps_roi_align_backward_cpu(const at::Tensor& grad, const at::Tensor& rois,
                                     double spatial_scale, int64_t pooled_height,
                                     int64_t pooled_width, int64_t sampling_ratio, int64_t batch,
                                     int64_t channels, int64_t height, int64_t width) {
  return ps_roi_backward("ps_roi_align backward", PsAlignRule{sampling_ratio}, grad, rois,
                         spatial_scale, pooled_height, pooled_width, batch, channels, height,
                         width);
}

TORCH_LIBRARY_IMPL(lanner, CPU, m) {
  m.impl("ps_roi_align", ps_roi_align_cpu);
  m.impl("_ps_roi_align_backward", ps_roi_align_backward_cpu);
}

}  // namespace
}  // namespace lanner::ops
