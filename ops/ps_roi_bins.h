#pragma once

#include <cmath>

#include "lanner/ops/roi_align_sampling.h"

namespace lanner::ops {

// The pixels that each bin of a position-sensitive RoI operator reads, and their weights. Shared by
// the CPU and CUDA kernels.

struct PsShape {
  // channels: output channels.
  int64_t batch, channels, height, width;
  int64_t pooled_height, pooled_width;

  LANNER_HOST_DEVICE int64_t bins() const { return pooled_height * pooled_width; }
};

struct PixelRange {
  int64_t begin, end;
};

template <typename T>
LANNER_HOST_DEVICE int64_t clip_index(T position, int64_t limit) {
  if (!(position > T(0))) return 0;  // also for NaN
  return position < T(limit) ? static_cast<int64_t>(position) : limit;
}

// The pixels that a bin of ps_roi_pool covers along one axis; see PsRoiPoolOptions::original. low,
// high: in image pixels.
template <typename T>
LANNER_HOST_DEVICE PixelRange ps_roi_pool_range(T low, T high, T spatial_scale, bool original,
                                                int64_t bins, int64_t bin, int64_t size) {
  const T start = original ? std::round(low) * spatial_scale : std::round(low * spatial_scale);
  const T end =
      original ? (std::round(high) + T(1)) * spatial_scale : std::round(high * spatial_scale);
  const T min_length = original ? T(0.1) : T(1);
  const T length = end - start > min_length ? end - start : min_length;
  const T step = length / T(bins);
  if (original)
    return {clip_index(std::floor(T(bin) * step + start), size),
            clip_index(std::ceil(T(bin + 1) * step + start), size)};
  return {clip_index(std::floor(T(bin) * step) + start, size - 1),
          clip_index(std::ceil(T(bin + 1) * step) + start, size - 1)};
}

struct PsRoiPoolSampling {
  bool original;

  // Calls visit(index, weight) for each pixel of bin (i, j), with index = row * width + column.
  // roi: batch index, x1, y1, x2, y2 in image pixels.
  template <typename A, typename T, typename Visit>
  LANNER_HOST_DEVICE void operator()(const T* roi, A spatial_scale, const PsShape& s, int64_t i,
                                     int64_t j, Visit visit) const {
    const auto x = ps_roi_pool_range(static_cast<A>(roi[1]), static_cast<A>(roi[3]), spatial_scale,
                                     original, s.pooled_width, j, s.width);
    const auto y = ps_roi_pool_range(static_cast<A>(roi[2]), static_cast<A>(roi[4]), spatial_scale,
                                     original, s.pooled_height, i, s.height);
    if (x.end <= x.begin || y.end <= y.begin) return;
    const A weight = A(1) / A((x.end - x.begin) * (y.end - y.begin));
    for (int64_t row = y.begin; row < y.end; ++row)
      for (int64_t column = x.begin; column < x.end; ++column)
        visit(row * s.width + column, weight);
  }
};

struct PsRoiAlignSampling {
  int64_t sampling_ratio;

  template <typename A, typename T, typename Visit>
  LANNER_HOST_DEVICE void operator()(const T* roi, A spatial_scale, const PsShape& s, int64_t i,
                                     int64_t j, Visit visit) const {
    const auto x_axis = roi_axis<A>(static_cast<A>(roi[1]), static_cast<A>(roi[3]), spatial_scale,
                                    true, s.pooled_width, sampling_ratio);
    const auto y_axis = roi_axis<A>(static_cast<A>(roi[2]), static_cast<A>(roi[4]), spatial_scale,
                                    true, s.pooled_height, sampling_ratio);
    const A sample_weight = bin_sample_weight<A>(x_axis.samples, y_axis.samples);
    const auto columns = x_axis.range(j, s.width), rows = y_axis.range(i, s.height);
    for (int64_t iy = rows.begin; iy < rows.end; ++iy) {
      const auto y = clamped_sample(y_axis.position(i, iy), s.height);
      if (!y.inside) continue;
      for (int64_t ix = columns.begin; ix < columns.end; ++ix) {
        const auto x = clamped_sample(x_axis.position(j, ix), s.width);
        if (!x.inside) continue;
        visit(y.low * s.width + x.low, y.low_weight * x.low_weight * sample_weight);
        visit(y.low * s.width + x.high, y.low_weight * x.high_weight * sample_weight);
        visit(y.high * s.width + x.low, y.high_weight * x.low_weight * sample_weight);
        visit(y.high * s.width + x.high, y.high_weight * x.high_weight * sample_weight);
      }
    }
  }
};

}  // namespace lanner::ops
