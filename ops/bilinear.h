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
  bool moves;  // the value changes with the position; false where that was clamped
};

// RoIAlign's rule: a position beyond -1 or `size` is outside (as is NaN, hence the negated test);
// up to there it is clamped to the edge cell, which is read at full weight.
template <typename T>
LANNER_HOST_DEVICE AxisSample<T> clamped_sample(T position, int64_t size) {
  if (!(position >= T(-1) && position <= T(size))) return {0, 0, T(0), T(0), false, false};
  const bool moves = position >= T(0);
  if (!moves) position = T(0);
  const int64_t low = static_cast<int64_t>(position);
  if (low >= size - 1) return {size - 1, size - 1, T(1), T(0), true, false};
  const T high_weight = position - T(low);
  return {low, low + 1, T(1) - high_weight, high_weight, true, moves};
}

// The rule of deformable position-sensitive RoI pooling: a position more than half a cell outside
// is left out, and up to there it is clamped to the edge cell. A position that is a cell has that
// cell for both neighbours, and so no slope.
template <typename T>
LANNER_HOST_DEVICE AxisSample<T> edge_sample(T position, int64_t size) {
  if (!(position >= T(-0.5) && position <= T(size) - T(0.5)))
    return {0, 0, T(0), T(0), false, false};
  if (position <= T(0)) return {0, 0, T(1), T(0), true, false};
  if (position >= T(size - 1)) return {size - 1, size - 1, T(1), T(0), true, false};
  const int64_t low = static_cast<int64_t>(position);
  const T high_weight = position - T(low);
  if (high_weight == T(0)) return {low, low, T(1), T(0), true, false};
  return {low, low + 1, T(1) - high_weight, high_weight, true, true};
}

}  // namespace lanner::ops
