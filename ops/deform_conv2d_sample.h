#pragma once

#include <cmath>
#include <cstdint>

#include "lanner/ops/host_device.h"

namespace lanner::ops {

struct DeformConvShape {
  int64_t batch, channels, height, width;
  int64_t out_channels, out_height, out_width, kernel_height, kernel_width;
  int64_t stride[2], padding[2], dilation[2];
  int64_t weight_groups, offset_groups;

  // The number of kernel elements ("taps").
  LANNER_HOST_DEVICE int64_t taps() const { return kernel_height * kernel_width; }
  LANNER_HOST_DEVICE int64_t pixels() const { return height * width; }
  LANNER_HOST_DEVICE int64_t positions() const { return out_height * out_width; }
};

// A bilinear sample of an input that is 0 outside its bounds (RoIAlign clamps instead).
template <typename A>
struct ZeroPaddedSample {
  // The pixel at or before the position on each axis; -1 is possible.
  int64_t row, column;
  // Distance from that pixel to the position, in 0..1.
  A fraction_y, fraction_x;
  bool inside;

  // Corners are numbered upper left, upper right, lower left, lower right.
  LANNER_HOST_DEVICE A weight(int corner) const {
    return (corner / 2 ? fraction_y : A(1) - fraction_y) *
           (corner % 2 ? fraction_x : A(1) - fraction_x);
  }
  // The index of a corner, row * width + column, or -1 if it is outside the input.
  LANNER_HOST_DEVICE int64_t pixel_index(int corner, int64_t height, int64_t width) const {
    const int64_t y = row + corner / 2, x = column + corner % 2;
    return inside && y >= 0 && y < height && x >= 0 && x < width ? y * width + x : -1;
  }
  // Derivatives of the sample with respect to y and x, given the values at the corners (0 if
  // outside). At an integer position these are the right-hand derivatives.
  LANNER_HOST_DEVICE A derivative_y(const A* values) const {
    return (A(1) - fraction_x) * (values[2] - values[0]) + fraction_x * (values[3] - values[1]);
  }
  LANNER_HOST_DEVICE A derivative_x(const A* values) const {
    return (A(1) - fraction_y) * (values[1] - values[0]) + fraction_y * (values[3] - values[2]);
  }
};

template <typename A>
LANNER_HOST_DEVICE ZeroPaddedSample<A> zero_padded_sample(A y, A x, int64_t height, int64_t width) {
  // The negated test also rejects NaN. At exactly -1 the sample is 0 but its derivative is not.
  if (!(y >= A(-1) && y < A(height) && x >= A(-1) && x < A(width)))
    return {0, 0, A(0), A(0), false};
  const A top = std::floor(y), left = std::floor(x);
  return {static_cast<int64_t>(top), static_cast<int64_t>(left), y - top, x - left, true};
}

// The sample of kernel element `tap` at output position `position`. offset: [2 * taps, positions],
// for one image and offset group, in input pixels.
template <typename A, typename T>
LANNER_HOST_DEVICE ZeroPaddedSample<A> deform_conv_sample(const DeformConvShape& s, int64_t tap,
                                                          int64_t position, const T* offset) {
  const int64_t i = tap / s.kernel_width, j = tap % s.kernel_width;
  const int64_t row = position / s.out_width, column = position % s.out_width;
  const A y = A(row * s.stride[0] - s.padding[0] + i * s.dilation[0]) +
              static_cast<A>(offset[2 * tap * s.positions() + position]);
  const A x = A(column * s.stride[1] - s.padding[1] + j * s.dilation[1]) +
              static_cast<A>(offset[(2 * tap + 1) * s.positions() + position]);
  return zero_padded_sample(y, x, s.height, s.width);
}

}  // namespace lanner::ops
