#include <torch/library.h>

#include "lanner/ops/checks.h"
#include "lanner/ops/cpu/pooling.h"

namespace lanner::ops {
namespace {

struct Sampling {
  double spatial_scale;
  int64_t height, width, pooled_height, pooled_width, sampling_ratio;
  bool aligned;

  template <typename T>
  void operator()(const T* roi, int64_t, RoiWeights<T>& out) const {
    const T scale = static_cast<T>(spatial_scale);
    const auto x = roi_axis(roi[1], roi[3], scale, aligned, pooled_width, sampling_ratio);
    const auto y = roi_axis(roi[2], roi[4], scale, aligned, pooled_height, sampling_ratio);
    add_separable_bins(
        out, pooled_height, pooled_width, [&](int64_t j) { return grid_weights(out, x, j, width); },
        [&](int64_t i) { return grid_weights(out, y, i, height); });
  }
};

at::Tensor roi_align_cpu(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                         int64_t pooled_height, int64_t pooled_width, int64_t sampling_ratio,
                         bool aligned) {
  check_rois("roi_align", input, rois);
  check_pooling("roi_align", spatial_scale, pooled_height, pooled_width, sampling_ratio);
  const PoolShape shape{{input.size(0), input.size(1), input.size(2), input.size(3)},
                        rois.size(0),
                        pooled_height * pooled_width,
                        [](int64_t) { return 0; }};
  const Sampling sampling{spatial_scale, input.size(2),  input.size(3), pooled_height,
                          pooled_width,  sampling_ratio, aligned};
  return pooled("roi_align", shape, sampling, input, rois, pooled_height, pooled_width);
}

at::Tensor roi_align_backward_cpu(const at::Tensor& grad, const at::Tensor& rois,
                                  double spatial_scale, int64_t pooled_height, int64_t pooled_width,
                                  int64_t sampling_ratio, bool aligned, int64_t batch,
                                  int64_t channels, int64_t height, int64_t width) {
  const char* op = "roi_align backward";
  check_pooling(op, spatial_scale, pooled_height, pooled_width, sampling_ratio);
  check_rois_backward(op, grad, rois, pooled_height, pooled_width, batch, channels, height, width);
  const PoolShape shape{
      {batch, channels, height, width}, rois.size(0), pooled_height * pooled_width, [](int64_t) {
        return 0;
      }};
  const Sampling sampling{spatial_scale, height,         width,  pooled_height,
                          pooled_width,  sampling_ratio, aligned};
  return pooled_backward(op, shape, sampling, grad, rois);
}

TORCH_LIBRARY_IMPL(lanner, CPU, m) {
  m.impl("roi_align", roi_align_cpu);
  m.impl("_roi_align_backward", roi_align_backward_cpu);
}

}  // namespace
}  // namespace lanner::ops
