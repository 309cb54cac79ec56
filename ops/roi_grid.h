#pragma once

#include <cmath>

#include "lanner/ops/bilinear.h"

namespace lanner::ops {

// Of `samples` positions first, first + step, ..: those that may lie within a cell of 0 .. size -
// 1, [begin, end). A box of 1e9 pixels has as many samples a bin, nearly all of them outside.
struct SampleRange {
  int64_t begin, end;
};

template <typename T>
LANNER_HOST_DEVICE SampleRange samples_near(T first, T step, int64_t samples, int64_t size) {
  if (samples <= 64 || step == T(0)) return {0, samples};
  const T a = (T(-1) - first) / step, b = (T(size) - first) / step;
  const T least = a < b ? a : b, most = a < b ? b : a;
  const T margin = T(2) + T(1e-6) * (most > -least ? most : -least);  // for rounding
  const auto clipped = [&](T index) {
    if (!(index > T(0))) return int64_t{0};  // NaN too
    return index < T(samples) ? static_cast<int64_t>(index) : samples;
  };
  return {clipped(least - margin), clipped(most + margin)};
}

// RoIAlign's sampling positions along one axis of a RoI (Mask R-CNN, arXiv 1703.06870, section 3).
template <typename T>
struct RoiAxis {
  T start, bin;     // in feature cells
  int64_t samples;  // in each bin

  LANNER_HOST_DEVICE T position(int64_t bin_index, int64_t sample) const {
    return start + T(bin_index) * bin + (T(sample) + T(0.5)) * bin / T(samples);
  }
  // Those samples of a bin that may be inside.
  LANNER_HOST_DEVICE SampleRange range(int64_t bin_index, int64_t size) const {
    return samples_near(position(bin_index, 0), bin / T(samples), samples, size);
  }
};

// low, high: the RoI's sides in image pixels.
template <typename T>
LANNER_HOST_DEVICE RoiAxis<T> roi_axis(T low, T high, T spatial_scale, bool aligned, int64_t bins,
                                       int64_t sampling_ratio) {
  const T offset = aligned ? T(0.5) : T(0);
  const T start = low * spatial_scale - offset;
  T length = high * spatial_scale - offset - start;
  if (!aligned && !(length >= T(1))) length = T(1);
  RoiAxis<T> axis{start, length / T(bins), sampling_ratio};
  if (sampling_ratio > 0) return axis;
  // Adaptive: a sample a cell.
  const T wanted = std::ceil(length / T(bins)), most = T(int64_t{1} << 31);
  axis.samples = !(wanted > T(0)) ? 0 : static_cast<int64_t>(wanted < most ? wanted : most);
  return axis;
}

// The share of each sample of a bin in its mean, those outside included.
template <typename T>
LANNER_HOST_DEVICE T sample_share(int64_t across, int64_t down) {
  const T samples = T(across) * T(down);
  return T(1) / (samples > T(1) ? samples : T(1));
}

}  // namespace lanner::ops
