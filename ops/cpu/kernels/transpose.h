#pragma once

#include <cstddef>
#include <utility>

#include "lanner/ops/cpu/kernels/vector.h"

namespace lanner::ops::LANNER_ISA {

template <int64_t step, typename V, std::size_t... J>
[[gnu::always_inline]] inline void exchange_blocks(V& a, V& b, std::index_sequence<J...>) {
  constexpr int64_t L = sizeof...(J);
  const V low = __builtin_shufflevector(a, b, ((J & step) ? L + J - step : J)...);
  const V high = __builtin_shufflevector(a, b, ((J & step) ? L + J : J + step)...);
  a = low, b = high;
}

// Transposes kLanes rows in registers: in each step, pairs of rows exchange blocks, whose size
// doubles from step to step.
template <typename T, int64_t step = 1>
[[gnu::always_inline]] inline void transpose_square(Vector<T>* rows) {
  if constexpr (step < kLanes<T>) {
#pragma GCC unroll 16
    for (int64_t i = 0; i < kLanes<T>; ++i)
      if (!(i & step))
        exchange_blocks<step>(rows[i], rows[i + step], std::make_index_sequence<kLanes<T>>());
    transpose_square<T, 2 * step>(rows);
  }
}

// Transposes one square. Rows from `count` on are read as zeros.
template <typename T>
void transpose_block(const T* in, int64_t in_stride, int64_t count, T* out, int64_t out_stride) {
  Vector<T> rows[kLanes<T>];
  if (count >= kLanes<T>) {
#pragma GCC unroll 16
    for (int64_t i = 0; i < kLanes<T>; ++i) rows[i] = load(in + i * in_stride);
  } else {
#pragma GCC unroll 16
    for (int64_t i = 0; i < kLanes<T>; ++i)
      rows[i] = i < count ? load(in + i * in_stride) : Vector<T>{};
  }
  transpose_square<T>(rows);
#pragma GCC unroll 16
  for (int64_t i = 0; i < kLanes<T>; ++i) store(out + i * out_stride, rows[i]);
}

template <typename T>
void transpose(const T* in, int64_t in_stride, int64_t rows, int64_t columns, T* out,
               int64_t out_stride) {
  constexpr int64_t L = kLanes<T>;
  const int64_t full_rows = rows / L * L, full_columns = columns / L * L;
  for (int64_t c = 0; c < full_columns; c += L) {
    for (int64_t r = 0; r < full_rows; r += L)
      transpose_block(in + r * in_stride + c, in_stride, L, out + c * out_stride + r, out_stride);
    for (int64_t i = c; i < c + L; ++i)
      for (int64_t r = full_rows; r < rows; ++r) out[i * out_stride + r] = in[r * in_stride + i];
  }
  for (int64_t c = full_columns; c < columns; ++c)
    for (int64_t r = 0; r < rows; ++r) out[c * out_stride + r] = in[r * in_stride + c];
}

template <typename T>
void planes_to_nhwc(const T* planes, int64_t plane_stride, int64_t channels, int64_t pixels, T* out,
                    int64_t out_stride) {
  constexpr int64_t L = kLanes<T>;
  for (int64_t pixel = 0; pixel < pixels; pixel += L) {
    if (pixel + L > pixels) {
      if (pixels >= L) {
        pixel = pixels - L;  // the last square overlaps the previous one
      } else {
        for (int64_t i = 0; i < pixels; ++i)
          for (int64_t c = 0; c < (channels + L - 1) / L * L; ++c)
            out[i * out_stride + c] = c < channels ? planes[c * plane_stride + i] : T(0);
        return;
      }
    }
    for (int64_t c = 0; c < channels; c += L)
      transpose_block(planes + c * plane_stride + pixel, plane_stride, channels - c,
                      out + pixel * out_stride + c, out_stride);
  }
}

}  // namespace lanner::ops::LANNER_ISA
