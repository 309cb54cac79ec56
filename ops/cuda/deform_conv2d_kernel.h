#pragma once

#include "lanner/ops/deform_conv2d_sample.h"

namespace lanner::ops {

// The work of one CUDA thread for one image of deform_conv2d, also run on the host by the tests.
// The matrix products are computed by at::bmm. T: storage type; A: arithmetic type.
// input: [C, H, W]; offset: [G, 2 * taps, positions]; mask: [G, taps, positions] or null; columns:
// [C, taps, positions].

// Fills the columns of all taps. Index: (channel, position).
template <typename A, typename T>
struct DeformColumns {
  const T *input, *offset, *mask;
  T* columns;
  DeformConvShape s;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    const int64_t position = index % s.positions(), c = index / s.positions();
    const int64_t group = c / (s.channels / s.offset_groups);
    const T* offsets = offset + group * 2 * s.taps() * s.positions();
    const T* plane = input + c * s.pixels();
    for (int64_t tap = 0; tap < s.taps(); ++tap) {
      const auto sample = deform_conv_sample<A>(s, tap, position, offsets);
      A value = 0;
      for (int corner = 0; corner < 4; ++corner) {
        const int64_t pixel = sample.pixel_index(corner, s.height, s.width);
        if (pixel >= 0) value += sample.weight(corner) * static_cast<A>(plane[pixel]);
      }
      if (mask) value *= static_cast<A>(mask[(group * s.taps() + tap) * s.positions() + position]);
      columns[(c * s.taps() + tap) * s.positions() + position] = static_cast<T>(value);
    }
  }
};

// Scatters the gradient of the columns to the gradient of the input. Index: (channel, tap,
// position).
template <typename A, typename T>
struct DeformInputGradient {
  const T *grad_columns, *offset, *mask;
  T* grad_input;
  DeformConvShape s;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    const int64_t position = index % s.positions(), tap = index / s.positions() % s.taps();
    const int64_t c = index / s.positions() / s.taps();
    const int64_t group = c / (s.channels / s.offset_groups);
    const auto sample =
        deform_conv_sample<A>(s, tap, position, offset + group * 2 * s.taps() * s.positions());
    A grad = static_cast<A>(grad_columns[index]);
    if (mask) grad *= static_cast<A>(mask[(group * s.taps() + tap) * s.positions() + position]);
    for (int corner = 0; corner < 4; ++corner) {
      const int64_t pixel = sample.pixel_index(corner, s.height, s.width);
      if (pixel >= 0)
        shared_add(grad_input + c * s.pixels() + pixel,
                   static_cast<T>(sample.weight(corner) * grad));
    }
  }
};

// Computes the gradients of one pair of offsets and one mask value. Index: (offset group, tap,
// position).
template <typename A, typename T>
struct DeformOffsetGradient {
  const T *grad_columns, *input, *offset, *mask;
  T *grad_offset, *grad_mask;
  DeformConvShape s;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    const int64_t position = index % s.positions(), tap = index / s.positions() % s.taps();
    const int64_t group = index / s.positions() / s.taps(),
                  group_channels = s.channels / s.offset_groups;
    const auto sample =
        deform_conv_sample<A>(s, tap, position, offset + group * 2 * s.taps() * s.positions());
    A dots[4] = {};
    for (int64_t c = group * group_channels; c < (group + 1) * group_channels; ++c) {
      const A grad = static_cast<A>(grad_columns[(c * s.taps() + tap) * s.positions() + position]);
      for (int corner = 0; corner < 4; ++corner) {
        const int64_t pixel = sample.pixel_index(corner, s.height, s.width);
        if (pixel >= 0) dots[corner] += grad * static_cast<A>(input[c * s.pixels() + pixel]);
      }
    }
    const A scale = mask ? static_cast<A>(mask[index]) : A(1);
    const int64_t offset_y_index = (group * s.taps() + tap) * 2 * s.positions() + position;
    grad_offset[offset_y_index] = static_cast<T>(scale * sample.derivative_y(dots));
    grad_offset[offset_y_index + s.positions()] = static_cast<T>(scale * sample.derivative_x(dots));
    if (!mask) return;
    A value = 0;
    for (int corner = 0; corner < 4; ++corner) value += sample.weight(corner) * dots[corner];
    grad_mask[index] = static_cast<T>(value);
  }
};

}  // namespace lanner::ops
