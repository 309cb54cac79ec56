#pragma once

#include <cmath>

#include "lanner/ops/bilinear.h"

namespace lanner::ops {

struct SampleRange {
  int64_t begin, end;
};

// The range [begin, end) of the sample indices i < samples whose positions first + i * step may be
// within one pixel of 0..size - 1. Skipping the others matters for huge boxes: one that is 1e9
// pixels long has about 1e9 samples per bin.
template <typename T>
LANNER_HOST_DEVICE SampleRange samples_in_map(T first, T step, int64_t samples, int64_t size) {
  if (samples <= 64 || step == T(0)) return {0, samples};
  const T a = (T(-1) - first) / step, b = (T(size) - first) / step;
  const T low_index = a < b ? a : b, high_index = a < b ? b : a;
  const T margin =
      T(2) + T(1e-6) * (high_index > -low_index ? high_index : -low_index);  // for rounding errors
  const auto clip_index = [&](T index) {
    if (!(index > T(0))) return int64_t{0};  // also for NaN
    return index < T(samples) ? static_cast<int64_t>(index) : samples;
  };
  return {clip_index(low_index - margin), clip_index(high_index + margin)};
}

// Sampling positions of RoIAlign along one axis of a RoI (Mask R-CNN, arXiv 1703.06870, section 3).
template <typename T>
struct RoiAxis {
  T start, bin;     // in feature-map pixels
  int64_t samples;  // per bin

  LANNER_HOST_DEVICE T position(int64_t bin_index, int64_t sample) const {
    return start + T(bin_index) * bin + (T(sample) + T(0.5)) * bin / T(samples);
  }
  // The samples of a bin that may be inside the map.
  LANNER_HOST_DEVICE SampleRange range(int64_t bin_index, int64_t size) const {
    return samples_in_map(position(bin_index, 0), bin / T(samples), samples, size);
  }
};

// low, high: the RoI's start and end on this axis in image pixels.
template <typename T>
LANNER_HOST_DEVICE RoiAxis<T> roi_axis(T low, T high, T spatial_scale, bool aligned, int64_t bins,
                                       int64_t sampling_ratio) {
  const T offset = aligned ? T(0.5) : T(0);
  const T start = low * spatial_scale - offset;
  T length = high * spatial_scale - offset - start;
  if (!aligned && !(length >= T(1))) length = T(1);
  RoiAxis<T> axis{start, length / T(bins), sampling_ratio};
  if (sampling_ratio > 0) return axis;
  // Adaptive: one sample per pixel.
  const T count = std::ceil(length / T(bins)), max_count = T(int64_t{1} << 31);
  axis.samples = !(count > T(0)) ? 0 : static_cast<int64_t>(count < max_count ? count : max_count);
  return axis;
}

// The weight of each sample in the mean of its bin; samples outside the map count as 0.
template <typename T>
LANNER_HOST_DEVICE T bin_sample_weight(int64_t samples_x, int64_t samples_y) {
  const T samples = T(samples_x) * T(samples_y);
  return T(1) / (samples > T(1) ? samples : T(1));
}

}  // namespace lanner::ops
