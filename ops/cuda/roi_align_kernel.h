#pragma once

#include "lanner/ops/roi_align_sampling.h"

namespace lanner::ops {

// Computes one output element of RoIAlign, or its contribution to the gradient: the work of one
// CUDA thread, also run on the host by the tests for every index. T: storage type; A: arithmetic
// type.

struct RoiAlignShape {
  int64_t batch, channels, height, width, pooled_height, pooled_width, sampling_ratio;
  bool aligned;
};

// Calls visit(input index, weight) for each pixel that output element `index` reads.
template <typename A, typename T, typename Visit>
LANNER_HOST_DEVICE void roi_align_visit(int64_t index, const T* rois, A spatial_scale,
                                        const RoiAlignShape& s, Visit visit) {
  const int64_t j = index % s.pooled_width, i = index / s.pooled_width % s.pooled_height;
  const int64_t c = index / s.pooled_width / s.pooled_height % s.channels;
  const T* roi = rois + index / s.pooled_width / s.pooled_height / s.channels * 5;
  const A image = static_cast<A>(roi[0]);
  if (!(image >= A(0) && image < A(s.batch))) return;  // a kernel cannot throw; the output is 0
  const auto x_axis = roi_axis<A>(static_cast<A>(roi[1]), static_cast<A>(roi[3]), spatial_scale,
                                  s.aligned, s.pooled_width, s.sampling_ratio);
  const auto y_axis = roi_axis<A>(static_cast<A>(roi[2]), static_cast<A>(roi[4]), spatial_scale,
                                  s.aligned, s.pooled_height, s.sampling_ratio);
  const A sample_weight = bin_sample_weight<A>(x_axis.samples, y_axis.samples);
  const auto columns = x_axis.range(j, s.width), rows = y_axis.range(i, s.height);
  const int64_t plane = (static_cast<int64_t>(image) * s.channels + c) * s.height;
  for (int64_t iy = rows.begin; iy < rows.end; ++iy) {
    const auto y = clamped_sample(y_axis.position(i, iy), s.height);
    if (!y.inside) continue;
    for (int64_t ix = columns.begin; ix < columns.end; ++ix) {
      const auto x = clamped_sample(x_axis.position(j, ix), s.width);
      if (!x.inside) continue;
      visit((plane + y.low) * s.width + x.low, y.low_weight * x.low_weight * sample_weight);
      visit((plane + y.low) * s.width + x.high, y.low_weight * x.high_weight * sample_weight);
      visit((plane + y.high) * s.width + x.low, y.high_weight * x.low_weight * sample_weight);
      visit((plane + y.high) * s.width + x.high, y.high_weight * x.high_weight * sample_weight);
    }
  }
}

template <typename A, typename T>
struct RoiAlignForward {
  const T *input, *rois;
  T* output;
  A spatial_scale;
  RoiAlignShape shape;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    A sum = 0;
    const T* in = input;
    roi_align_visit<A>(index, rois, spatial_scale, shape,
                       [&](int64_t pixel, A weight) { sum += weight * static_cast<A>(in[pixel]); });
    output[index] = static_cast<T>(sum);
  }
};

template <typename A, typename T>
struct RoiAlignBackward {
  const T *grad_output, *rois;
  T* grad_input;
  A spatial_scale;
  RoiAlignShape shape;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    const A grad = static_cast<A>(grad_output[index]);
    T* out = grad_input;
    roi_align_visit<A>(index, rois, spatial_scale, shape, [&](int64_t pixel, A weight) {
      shared_add(out + pixel, static_cast<T>(grad * weight));
    });
  }
};

}  // namespace lanner::ops
