#pragma once

#include <cfloat>
#include <cmath>

#include "lanner/ops/ps_roi_bins.h"

namespace lanner::ops {

// The pixels of one bin of roi_pool along one axis. low, high: the RoI's start and end on this axis
// in image pixels.
template <typename T>
LANNER_HOST_DEVICE PixelRange roi_pool_range(T low, T high, T spatial_scale, int64_t bins,
                                             int64_t bin, int64_t size) {
  const T start = std::round(low * spatial_scale);
  const T length = std::round(high * spatial_scale) - start + T(1);
  const T step = (length > T(1) ? length : T(1)) / T(bins);
  return {clip_index(std::floor(T(bin) * step) + start, size),
          clip_index(std::ceil(T(bin + 1) * step) + start, size)};
}

// Initial value of the maximum of a bin. Values that are not above it (NaN, -infinity) are never
// selected.
template <typename T>
LANNER_HOST_DEVICE T roi_pool_floor_value() {
  return static_cast<T>(-FLT_MAX);
}

}  // namespace lanner::ops
