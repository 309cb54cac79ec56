#pragma once

#include "lanner/ops/ps_roi_bins.h"

namespace lanner::ops {

// Computes one output element of a position-sensitive operator, or its contribution to the
// gradient: the work of one CUDA thread, also run on the host by the tests. T: storage type; A:
// arithmetic type.

// Calls visit(input index, weight) for each pixel that output element `index` reads.
template <typename A, typename T, typename Sampling, typename Visit>
LANNER_HOST_DEVICE void ps_roi_visit(int64_t index, const T* rois, A spatial_scale,
                                     const Sampling& sampling, const PsShape& s, Visit visit) {
  const int64_t bin = index % s.bins(), c = index / s.bins() % s.channels;
  const T* roi = rois + index / s.bins() / s.channels * 5;
  const A image = static_cast<A>(roi[0]);
  if (!(image >= A(0) && image < A(s.batch))) return;  // a kernel cannot throw; the output is 0
  const int64_t channel = static_cast<int64_t>(image) * s.channels * s.bins() + c * s.bins() + bin;
  sampling(roi, spatial_scale, s, bin / s.pooled_width, bin % s.pooled_width,
           [&](int64_t pixel, A weight) { visit(channel * s.height * s.width + pixel, weight); });
}

template <typename A, typename T, typename Sampling>
struct PsRoiForward {
  const T *input, *rois;
  T* output;
  A spatial_scale;
  Sampling sampling;
  PsShape shape;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    A sum = 0;
    const T* in = input;
    ps_roi_visit<A>(index, rois, spatial_scale, sampling, shape,
                    [&](int64_t pixel, A weight) { sum += weight * static_cast<A>(in[pixel]); });
    output[index] = static_cast<T>(sum);
  }
};

template <typename A, typename T, typename Sampling>
struct PsRoiBackward {
  const T *grad_output, *rois;
  T* grad_input;
  A spatial_scale;
  Sampling sampling;
  PsShape shape;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    const A grad = static_cast<A>(grad_output[index]);
    T* out = grad_input;
    ps_roi_visit<A>(index, rois, spatial_scale, sampling, shape, [&](int64_t pixel, A weight) {
      shared_add(out + pixel, static_cast<T>(grad * weight));
    });
  }
};

}  // namespace lanner::ops
