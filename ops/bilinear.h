#pragma once

#include <cstdint>

#include "lanner/ops/host_device.h"

namespace lanner::ops {

// A bilinear sample along one axis: two neighbouring cells and their weights. Bilinear sampling is
// separable, so a point is the product of a sample on each axis.
template <typename T>
struct AxisSample {
  int64_t low, high;
  T low_weight, high_weight;
  bool inside;
};

// RoIAlign's rule: a position beyond -1 or `size` is outside (as is NaN, hence the negated test);
// up to there it is clamped to the edge cell, which is read at full weight.
template <typename T>
LANNER_HOST_DEVICE AxisSample<T> clamped_sample(T position, int64_t size) {
  if (!(position >= T(-1) && position <= T(size))) return {0, 0, T(0), T(0), false};
  if (position < T(0)) position = T(0);
  const int64_t low = static_cast<int64_t>(position);
  if (low >= size - 1) return {size - 1, size - 1, T(1), T(0), true};
  const T high_weight = position - T(low);
  return {low, low + 1, T(1) - high_weight, high_weight, true};
}

}  // namespace lanner::ops
