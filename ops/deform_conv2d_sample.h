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

  LANNER_HOST_DEVICE int64_t taps() const { return kernel_height * kernel_width; }
  LANNER_HOST_DEVICE int64_t cells() const { return height * width; }
  LANNER_HOST_DEVICE int64_t positions() const { return out_height * out_width; }
};

// A bilinear sample of an input that is 0 outside (unlike RoIAlign's, which clamps): the cell at or
// before the position on each axis, and how far beyond it the position is.
template <typename A>
struct ZeroPaddedSample {
  int64_t row, column;  // of the upper left corner; -1 is possible
  A down, right;        // in 0..1
  bool inside;

  // Corners: upper left, upper right, lower left, lower right.
  LANNER_HOST_DEVICE A weight(int corner) const {
    return (corner / 2 ? down : A(1) - down) * (corner % 2 ? right : A(1) - right);
  }
  // The cell of a corner, row * width + column, or -1 where it is outside.
  LANNER_HOST_DEVICE int64_t cell(int corner, int64_t height, int64_t width) const {
    const int64_t y = row + corner / 2, x = column + corner % 2;
    return inside && y >= 0 && y < height && x >= 0 && x < width ? y * width + x : -1;
  }
  // The derivatives of the sample along y and x, from the corners' values (0 outside); the
  // right-hand ones where the position is a cell.
  LANNER_HOST_DEVICE A along_y(const A* value) const {
    return (A(1) - right) * (value[2] - value[0]) + right * (value[3] - value[1]);
  }
  LANNER_HOST_DEVICE A along_x(const A* value) const {
    return (A(1) - down) * (value[1] - value[0]) + down * (value[3] - value[2]);
  }
};

template <typename A>
LANNER_HOST_DEVICE ZeroPaddedSample<A> zero_padded_sample(A y, A x, int64_t height, int64_t width) {
  // Negated, so that NaN is outside. At exactly -1 the sample is 0 and its derivative is not.
  if (!(y >= A(-1) && y < A(height) && x >= A(-1) && x < A(width)))
    return {0, 0, A(0), A(0), false};
  const A top = std::floor(y), left = std::floor(x);
  return {static_cast<int64_t>(top), static_cast<int64_t>(left), y - top, x - left, true};
}

// The sample of tap `tap` at output position `position`. offset: [2 * taps, positions] of its image
// and offset group.
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
