#pragma once

#include "lanner/ops/roi_pool_range.h"

namespace lanner::ops {

// Computes one output element of roi_pool, or its contribution to the gradient: the work of one
// CUDA thread, also run on the host by the tests. T: storage type; A: arithmetic type.

struct RoiPoolShape {
  int64_t batch, channels, height, width, pooled_height, pooled_width;
};

template <typename A, typename T>
struct RoiPoolForward {
  const T *input, *rois;
  T* output;
  int32_t* argmax;
  A spatial_scale;
  RoiPoolShape s;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    const int64_t j = index % s.pooled_width, i = index / s.pooled_width % s.pooled_height;
    const int64_t c = index / s.pooled_width / s.pooled_height % s.channels;
    const T* roi = rois + index / s.pooled_width / s.pooled_height / s.channels * 5;
    output[index] = T(0);
    argmax[index] = -1;
    const A image = static_cast<A>(roi[0]);
    if (!(image >= A(0) && image < A(s.batch))) return;  // a kernel cannot throw; the output is 0
    const auto x = roi_pool_range(static_cast<A>(roi[1]), static_cast<A>(roi[3]), spatial_scale,
                                  s.pooled_width, j, s.width);
    const auto y = roi_pool_range(static_cast<A>(roi[2]), static_cast<A>(roi[4]), spatial_scale,
                                  s.pooled_height, i, s.height);
    if (x.end <= x.begin || y.end <= y.begin) return;
    const T* plane = input + (static_cast<int64_t>(image) * s.channels + c) * s.height * s.width;
    A max_value = roi_pool_floor_value<A>();
    for (int64_t row = y.begin; row < y.end; ++row)
      for (int64_t column = x.begin; column < x.end; ++column) {
        const int64_t pixel = row * s.width + column;
        if (!(static_cast<A>(plane[pixel]) > max_value)) continue;
        max_value = static_cast<A>(plane[pixel]);
        argmax[index] = static_cast<int32_t>(pixel);
      }
    output[index] = static_cast<T>(max_value);
  }
};

template <typename T>
struct RoiPoolBackward {
  const T *grad_output, *rois;
  const int32_t* argmax;
  T* grad_input;
  RoiPoolShape s;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    const int64_t bins = s.pooled_height * s.pooled_width, plane = s.height * s.width;
    const int64_t c = index / bins % s.channels, pixel = argmax[index];
    const auto image = static_cast<float>(rois[index / bins / s.channels * 5]);
    if (pixel < 0 || pixel >= plane || !(image >= 0 && image < static_cast<float>(s.batch))) return;
    shared_add(grad_input + (static_cast<int64_t>(image) * s.channels + c) * plane + pixel,
               grad_output[index]);
  }
};

}  // namespace lanner::ops
