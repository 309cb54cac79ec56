#pragma once

#include <cfloat>
#include <cmath>

#include "lanner/ops/ps_roi_cells.h"

namespace lanner::ops {

// The cells of one bin of roi_pool along one axis. low, high: the RoI's sides in image pixels.
template <typename T>
LANNER_HOST_DEVICE CellRange roi_pool_cells(T low, T high, T spatial_scale, int64_t bins,
                                            int64_t bin, int64_t size) {
  const T start = std::round(low * spatial_scale);
  const T length = std::round(high * spatial_scale) - start + T(1);
  const T step = (length > T(1) ? length : T(1)) / T(bins);
  return {clip_cell(std::floor(T(bin) * step) + start, size),
          clip_cell(std::ceil(T(bin + 1) * step) + start, size)};
}

// Where the maximum of a bin begins: what is not above it (NaN, -infinity) is never chosen.
template <typename T>
LANNER_HOST_DEVICE T roi_pool_least() {
  return static_cast<T>(-FLT_MAX);
}

}  // namespace lanner::ops
