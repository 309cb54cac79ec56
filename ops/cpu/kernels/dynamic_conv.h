#pragma once

#include "lanner/ops/cpu/kernels.h"
#include "lanner/ops/cpu/kernels/vector.h"

namespace lanner::ops::LANNER_ISA {

constexpr int kRows = 6;         // of sums that are kept in registers
constexpr int64_t kColumns = 8;  // the same

template <typename T>
struct ColumnsType {
  typedef T type __attribute__((vector_size(kColumns * sizeof(T))));
};

// The transpose of a [rows, depth] * b [depth, columns]: out[c * out_stride + r].
template <int rows, typename T>
[[gnu::always_inline]] inline void multiply_rows(const T* a, int64_t depth, const T* b, T* out,
                                                 int64_t columns, int64_t out_stride) {
  using Columns = typename ColumnsType<T>::type;
  int64_t c = 0;
  for (; c + kColumns <= columns; c += kColumns) {
    Columns sums[rows] = {};
    for (int64_t k = 0; k < depth; ++k) {
      Columns factor;
      __builtin_memcpy(&factor, b + k * columns + c, sizeof factor);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) sums[r] += a[r * depth + k] * factor;
    }
    for (int r = 0; r < rows; ++r)
      for (int64_t i = 0; i < kColumns; ++i) out[(c + i) * out_stride + r] = sums[r][i];
  }
  for (; c < columns; ++c)
    for (int r = 0; r < rows; ++r) {
      T sum = 0;
      for (int64_t k = 0; k < depth; ++k) sum += a[r * depth + k] * b[k * columns + c];
      out[c * out_stride + r] = sum;
    }
}

[[gnu::always_inline]] inline float square_root(float x) { return __builtin_sqrtf(x); }
[[gnu::always_inline]] inline double square_root(double x) { return __builtin_sqrt(x); }

// A layer norm over the rows of x [channels, positions], and ReLU. positions: whole vectors.
template <typename T>
void normalize_relu(T* x, int64_t channels, int64_t positions, const T* scale, const T* shift,
                    T epsilon) {
  const auto count = static_cast<T>(channels);
  for (T* column = x; column < x + positions; column += kLanes<T>) {
    Vector<T> mean = {}, variance = {}, factor;
    for (int64_t c = 0; c < channels; ++c) mean += load(column + c * positions);
    mean /= count;
    for (int64_t c = 0; c < channels; ++c) {
      const Vector<T> difference = load(column + c * positions) - mean;
      variance += difference * difference;
    }
    for (int64_t i = 0; i < kLanes<T>; ++i)
      factor[i] = 1 / square_root(variance[i] / count + epsilon);
    for (int64_t c = 0; c < channels; ++c) {
      const Vector<T> value = (load(column + c * positions) - mean) * factor * scale[c] + shift[c];
      store(column + c * positions, value < 0 ? Vector<T>{} : value);  // keeps NaN
    }
  }
}

template <typename T>
void dynamic_conv(const DynamicConvShape& s, const T* weights, const T* scale, const T* shift,
                  T epsilon, T* features, T* inner) {
  const int64_t stride = (s.positions + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
  int64_t p = 0;
  for (; p + kRows <= s.positions; p += kRows)
    multiply_rows<kRows>(features + p * s.width, s.width, weights, inner + p, s.inner, stride);
  for (; p < s.positions; ++p)
    multiply_rows<1>(features + p * s.width, s.width, weights, inner + p, s.inner, stride);
  normalize_relu(inner, s.inner, stride, scale, shift, epsilon);

  const T* second = weights + s.width * s.inner;
  for (p = 0; p < s.positions; ++p) {
    T* const row = features + p * s.width;
    const int64_t vectorized = for_vectors<T>(s.width, [&]<int V>(int64_t first) {
      Vector<T> sums[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sums[v] = load(row + first + v * kLanes<T>);
      for (int64_t i = 0; i < s.inner; ++i)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v)
          sums[v] += inner[i * stride + p] * load(second + i * s.width + first + v * kLanes<T>);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) store(row + first + v * kLanes<T>, sums[v]);
    });
    for (int64_t c = vectorized; c < s.width; ++c)
      for (int64_t i = 0; i < s.inner; ++i)
        row[c] += inner[i * stride + p] * second[i * s.width + c];
  }
}

}  // namespace lanner::ops::LANNER_ISA
