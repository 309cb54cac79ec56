#pragma once

#include "lanner/ops/deform_conv2d_sample.h"

namespace lanner::ops {

// What one CUDA thread does for one image of deform_conv2d, and what the tests run on the host. The
// matrix products are at::matmul's. T: storage type; A: arithmetic type.
// input: [C, H, W]; offset: [G, 2 * taps, positions]; mask: [G, taps, positions] or null; columns:
// [C, taps, positions].

// Index: channel, then position. Fills the columns of all taps.
template <typename A, typename T>
struct DeformColumns {
  const T *input, *offset, *mask;
  T* columns;
  DeformConvShape s;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    const int64_t position = index % s.positions(), c = index / s.positions();
    const int64_t group = c / (s.channels / s.offset_groups);
    const T* offsets = offset + group * 2 * s.taps() * s.positions();
    const T* plane = input + c * s.cells();
    for (int64_t tap = 0; tap < s.taps(); ++tap) {
      const auto at = deform_conv_sample<A>(s, tap, position, offsets);
      A value = 0;
      for (int corner = 0; corner < 4; ++corner) {
        const int64_t cell = at.cell(corner, s.height, s.width);
        if (cell >= 0) value += at.weight(corner) * static_cast<A>(plane[cell]);
      }
      if (mask) value *= static_cast<A>(mask[(group * s.taps() + tap) * s.positions() + position]);
      columns[(c * s.taps() + tap) * s.positions() + position] = static_cast<T>(value);
    }
  }
};

// Index: channel, tap, position. Scatters the gradient of the columns to that of the input.
template <typename A, typename T>
struct DeformInputGradient {
  const T *grad_columns, *offset, *mask;
  T* grad_input;
  DeformConvShape s;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    const int64_t position = index % s.positions(), tap = index / s.positions() % s.taps();
    const int64_t c = index / s.positions() / s.taps();
    const int64_t group = c / (s.channels / s.offset_groups);
    const auto at =
        deform_conv_sample<A>(s, tap, position, offset + group * 2 * s.taps() * s.positions());
    A grad = static_cast<A>(grad_columns[index]);
    if (mask) grad *= static_cast<A>(mask[(group * s.taps() + tap) * s.positions() + position]);
    for (int corner = 0; corner < 4; ++corner) {
      const int64_t cell = at.cell(corner, s.height, s.width);
      if (cell >= 0)
        shared_add(grad_input + c * s.cells() + cell, static_cast<T>(at.weight(corner) * grad));
    }
  }
};

// Index: offset group, tap, position. The gradients of one pair of offsets and one mask.
template <typename A, typename T>
struct DeformOffsetGradient {
  const T *grad_columns, *input, *offset, *mask;
  T *grad_offset, *grad_mask;
  DeformConvShape s;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    const int64_t position = index % s.positions(), tap = index / s.positions() % s.taps();
    const int64_t group = index / s.positions() / s.taps(), own = s.channels / s.offset_groups;
    const auto at =
        deform_conv_sample<A>(s, tap, position, offset + group * 2 * s.taps() * s.positions());
    A dots[4] = {};
    for (int64_t c = group * own; c < (group + 1) * own; ++c) {
      const A grad = static_cast<A>(grad_columns[(c * s.taps() + tap) * s.positions() + position]);
      for (int corner = 0; corner < 4; ++corner) {
        const int64_t cell = at.cell(corner, s.height, s.width);
        if (cell >= 0) dots[corner] += grad * static_cast<A>(input[c * s.cells() + cell]);
      }
    }
    const A scale = mask ? static_cast<A>(mask[index]) : A(1);
    const int64_t y = (group * s.taps() + tap) * 2 * s.positions() + position;
    grad_offset[y] = static_cast<T>(scale * at.along_y(dots));
    grad_offset[y + s.positions()] = static_cast<T>(scale * at.along_x(dots));
    if (!mask) return;
    A value = 0;
    for (int corner = 0; corner < 4; ++corner) value += at.weight(corner) * dots[corner];
    grad_mask[index] = static_cast<T>(value);
  }
};

}  // namespace lanner::ops
