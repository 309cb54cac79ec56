#pragma once

#include <cstdint>

#include "lanner/ops/host_device.h"

namespace lanner::ops {

// A bilinear sample along one axis: two neighboring pixels and their weights. Bilinear sampling is
// separable, so the weights of a 2-D point are products of the weights on the two axes.
template <typename T>
struct AxisSample {
  int64_t low, high;
  T low_weight, high_weight;
  bool inside;
  // False where the position was clamped, so that the sampled value does not depend on it.
  bool has_gradient;
};

// The sampling of RoIAlign. Positions below -1 or above `size` are outside, as is NaN, hence the
// negated test. Other positions are clamped to the edge pixel, which is read at full weight.
template <typename T>
LANNER_HOST_DEVICE AxisSample<T> clamped_sample(T position, int64_t size) {
  if (!(position >= T(-1) && position <= T(size))) return {0, 0, T(0), T(0), false, false};
  const bool has_gradient = position >= T(0);
  if (!has_gradient) position = T(0);
  const int64_t low = static_cast<int64_t>(position);
  if (low >= size - 1) return {size - 1, size - 1, T(1), T(0), true, false};
  const T high_weight = position - T(low);
  return {low, low + 1, T(1) - high_weight, high_weight, true, has_gradient};
}

// The sampling of deformable position-sensitive RoI pooling. Positions more than half a pixel
// outside the map are excluded; other outside positions are clamped to the edge pixel. At an
// integer position both neighbors are that pixel, so the gradient is 0.
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
