#include <torch/library.h>

#include "lanner/ops/cpu/ps_roi.h"

namespace lanner::ops {
namespace {

struct Sampling {
  double spatial_scale;
  int64_t height, width, pooled_height, pooled_width, sampling_ratio;

  template <typename T>
  void operator()(const T* roi, int64_t, RoiWeights<T>& out) const {
    const T scale = static_cast<T>(spatial_scale);
    const auto x = roi_axis(roi[1], roi[3], scale, true, pooled_width, sampling_ratio);
    const auto y = roi_axis(roi[2], roi[4], scale, true, pooled_height, sampling_ratio);
    add_separable_bins(
        out, pooled_height, pooled_width, [&](int64_t j) { return grid_weights(out, x, j, width); },
        [&](int64_t i) { return grid_weights(out, y, i, height); });
  }
};

at::Tensor ps_roi_align_cpu(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                            int64_t pooled_height, int64_t pooled_width, int64_t sampling_ratio) {
  check_ps_rois("ps_roi_align", input, rois, spatial_scale, pooled_height, pooled_width,
                sampling_ratio);
  const Sampling sampling{spatial_scale, input.size(2), input.size(3),
                          pooled_height, pooled_width,  sampling_ratio};
  return ps_pooled("ps_roi_align", sampling, input, rois);
}

at::Tensor ps_roi_align_backward_cpu(const at::Tensor& grad, const at::Tensor& rois,
                                     double spatial_scale, int64_t pooled_height,
                                     int64_t pooled_width, int64_t sampling_ratio, int64_t batch,
                                     int64_t channels, int64_t height, int64_t width) {
  const char* op = "ps_roi_align backward";
  check_ps_rois_backward(op, grad, rois, spatial_scale, pooled_height, pooled_width, sampling_ratio,
                         batch, channels, height, width);
  const Sampling sampling{spatial_scale, height,       width,
                          pooled_height, pooled_width, sampling_ratio};
  return ps_pooled_backward(op, sampling, grad, rois, batch, channels);
}

TORCH_LIBRARY_IMPL(lanner, CPU, m) {
  m.impl("ps_roi_align", ps_roi_align_cpu);
  m.impl("_ps_roi_align_backward", ps_roi_align_backward_cpu);
}

}  // namespace
}  // namespace lanner::ops
