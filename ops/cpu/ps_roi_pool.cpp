#include <torch/library.h>

#include "lanner/ops/cpu/ps_roi.h"

namespace lanner::ops {
namespace {

// The mean over the cells of one axis.
template <typename T>
TapRange mean_taps(RoiTaps<T>& out, CellRange cells) {
  const size_t first = out.taps.size();
  for (int64_t cell = cells.begin; cell < cells.end; ++cell)
    out.taps.push_back(
        {static_cast<int32_t>(cell), T(1) / static_cast<T>(cells.end - cells.begin)});
  return out.since(first);
}

struct Rule {
  double spatial_scale;
  int64_t height, width, pooled_height, pooled_width;
  bool original;

  template <typename T>
  void operator()(const T* roi, int64_t, RoiTaps<T>& out) const {
    const T scale = static_cast<T>(spatial_scale);
    add_product(
        out, pooled_height, pooled_width,
        [&](int64_t j) {
          return mean_taps(
              out, ps_roi_pool_cells(roi[1], roi[3], scale, original, pooled_width, j, width));
        },
        [&](int64_t i) {
          return mean_taps(
              out, ps_roi_pool_cells(roi[2], roi[4], scale, original, pooled_height, i, height));
        });
  }
};

at::Tensor ps_roi_pool_cpu(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                           int64_t pooled_height, int64_t pooled_width, bool original) {
  check_ps_rois("ps_roi_pool", input, rois, spatial_scale, pooled_height, pooled_width);
  const Rule rule{spatial_scale, input.size(2), input.size(3),
                  pooled_height, pooled_width,  original};
  return ps_pooled("ps_roi_pool", rule, input, rois);
}

at::Tensor ps_roi_pool_backward_cpu(const at::Tensor& grad, const at::Tensor& rois,
                                    double spatial_scale, int64_t pooled_height,
                                    int64_t pooled_width, bool original, int64_t batch,
                                    int64_t channels, int64_t height, int64_t width) {
  const char* op = "ps_roi_pool backward";
  check_ps_rois_backward(op, grad, rois, spatial_scale, pooled_height, pooled_width, 0, batch,
                         channels, height, width);
  const Rule rule{spatial_scale, height, width, pooled_height, pooled_width, original};
  return ps_pooled_backward(op, rule, grad, rois, batch, channels);
}

TORCH_LIBRARY_IMPL(lanner, CPU, m) {
  m.impl("ps_roi_pool", ps_roi_pool_cpu);
  m.impl("_ps_roi_pool_backward", ps_roi_pool_backward_cpu);
}

}  // namespace
}  // namespace lanner::ops
