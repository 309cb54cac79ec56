#include <torch/library.h>

#include "lanner/ops/cpu/ps_roi.h"

namespace lanner::ops {
namespace {

// Adds equal weights that average the pixels of one axis.
template <typename T>
WeightRange mean_weights(RoiWeights<T>& out, PixelRange pixels) {
  const size_t first = out.axis_weights.size();
  for (int64_t index = pixels.begin; index < pixels.end; ++index)
    out.axis_weights.push_back(
        {static_cast<int32_t>(index), T(1) / static_cast<T>(pixels.end - pixels.begin)});
  return out.range_from(first);
}

struct Sampling {
  double spatial_scale;
  int64_t height, width, pooled_height, pooled_width;
  bool original;

  template <typename T>
  void operator()(const T* roi, int64_t, RoiWeights<T>& out) const {
    const T scale = static_cast<T>(spatial_scale);
    add_separable_bins(
        out, pooled_height, pooled_width,
        [&](int64_t j) {
          return mean_weights(
              out, ps_roi_pool_range(roi[1], roi[3], scale, original, pooled_width, j, width));
        },
        [&](int64_t i) {
          return mean_weights(
              out, ps_roi_pool_range(roi[2], roi[4], scale, original, pooled_height, i, height));
        });
  }
};

at::Tensor ps_roi_pool_cpu(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                           int64_t pooled_height, int64_t pooled_width, bool original) {
  check_ps_rois("ps_roi_pool", input, rois, spatial_scale, pooled_height, pooled_width);
  const Sampling sampling{spatial_scale, input.size(2), input.size(3),
                          pooled_height, pooled_width,  original};
  return ps_pooled("ps_roi_pool", sampling, input, rois);
}

at::Tensor ps_roi_pool_backward_cpu(const at::Tensor& grad, const at::Tensor& rois,
                                    double spatial_scale, int64_t pooled_height,
                                    int64_t pooled_width, bool original, int64_t batch,
                                    int64_t channels, int64_t height, int64_t width) {
  const char* op = "ps_roi_pool backward";
  check_ps_rois_backward(op, grad, rois, spatial_scale, pooled_height, pooled_width, 0, batch,
                         channels, height, width);
  const Sampling sampling{spatial_scale, height, width, pooled_height, pooled_width, original};
  return ps_pooled_backward(op, sampling, grad, rois, batch, channels);
}

TORCH_LIBRARY_IMPL(lanner, CPU, m) {
  m.impl("ps_roi_pool", ps_roi_pool_cpu);
  m.impl("_ps_roi_pool_backward", ps_roi_pool_backward_cpu);
}

}  // namespace
}  // namespace lanner::ops
