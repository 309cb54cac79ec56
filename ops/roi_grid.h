#pragma once

#include <cmath>

#include "lanner/ops/bilinear.h"

namespace lanner::ops {

// RoIAlign's sampling positions along one axis of a RoI (Mask R-CNN, arXiv 1703.06870, section 3).
template <typename T>
struct RoiAxis {
  T start, bin;     // in feature cells
  int64_t samples;  // in each bin

  LANNER_HOST_DEVICE T position(int64_t bin_index, int64_t sample) const {
    return start + T(bin_index) * bin + (T(sample) + T(0.5)) * bin / T(samples);
  }
};

// low, high: the RoI's sides in image pixels; size: feature cells on this axis.
template <typename T>
LANNER_HOST_DEVICE RoiAxis<T> roi_axis(T low, T high, T spatial_scale, bool aligned, int64_t bins,
                                       int64_t sampling_ratio, int64_t size) {
  const T offset = aligned ? T(0.5) : T(0);
  const T start = low * spatial_scale - offset;
  T length = high * spatial_scale - offset - start;
  if (!aligned && !(length >= T(1))) length = T(1);
  RoiAxis<T> axis{start, length / T(bins), sampling_ratio};
  if (sampling_ratio > 0) return axis;
  // Adaptive: a sample a cell. A box of 1e30 pixels must not ask for 1e30 samples; four times the
  // feature map is more than any box that touches the map needs.
  const T most = T(4 * size + 64);
  const T wanted = std::ceil(length / T(bins));
  axis.samples = !(wanted > T(0)) ? 0 : static_cast<int64_t>(wanted < most ? wanted : most);
  return axis;
}

}  // namespace lanner::ops
