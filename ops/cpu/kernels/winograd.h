#pragma once

#include <type_traits>

#include "lanner/ops/cpu/kernels.h"
#include "lanner/ops/cpu/kernels/vector.h"

// The transforms of F(4 x 4, 3 x 3) at the points 0, +-a, +-b and infinity. a = sqrt(1/2) and
// b = sqrt(2) err half as much in float as the usual 1 and 2.

namespace lanner::ops::LANNER_ISA {

template <typename T>
constexpr T kPointA = T(0.70710678118654752440);
template <typename T>
constexpr T kPointB = T(1.41421356237309504880);
// 1 / the product of the differences of a point and the others; 1 for the point 0.
template <typename T>
constexpr T kFactorA = T(-2.0 / 3);
template <typename T>
constexpr T kFactorB = T(1.0 / 6);

// One axis of the input's transform: six values, `step` apart.
template <typename V>
[[gnu::always_inline]] inline void transform_input_axis(V* d, int64_t step) {
  using T = std::remove_reference_t<decltype(d[0][0])>;
  constexpr T a = kPointA<T>, b = kPointB<T>;
  const V d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step],
          d5 = d[5 * step];
  const V even_a = d4 - T(2) * d2, odd_a = a * (d3 - T(2) * d1);
  const V even_b = d4 - T(0.5) * d2, odd_b = b * (d3 - T(0.5) * d1);
  d[0] = d0 - T(2.5) * d2 + d4;
  d[step] = even_a + odd_a;
  d[2 * step] = even_a - odd_a;
  d[3 * step] = even_b + odd_b;
  d[4 * step] = even_b - odd_b;
  d[5 * step] = d1 - T(2.5) * d3 + d5;
}

// One axis of the output's transform: six products, `step` apart, become four values.
template <typename V>
[[gnu::always_inline]] inline void transform_output_axis(V* m, int64_t step) {
  using T = std::remove_reference_t<decltype(m[0][0])>;
  constexpr T a = kPointA<T>, b = kPointB<T>;
  const V even_a = m[step] + m[2 * step], odd_a = a * (m[step] - m[2 * step]);
  const V even_b = m[3 * step] + m[4 * step], odd_b = b * (m[3 * step] - m[4 * step]);
  m[0] = m[0] + even_a + even_b;
  m[step] = odd_a + odd_b;
  m[2 * step] = T(0.5) * even_a + T(2) * even_b;
  m[3 * step] = T(0.5) * odd_a + T(2) * odd_b + m[5 * step];
}

// One axis of the transposed output transform: four gradients, `step` apart, become six.
template <typename V>
[[gnu::always_inline]] inline void transform_grad_axis(V* g, int64_t step) {
  using T = std::remove_reference_t<decltype(g[0][0])>;
  constexpr T a = kPointA<T>, b = kPointB<T>;
  const V g0 = g[0], g1 = g[step], g2 = g[2 * step], g3 = g[3 * step];
  const V even_a = g0 + T(0.5) * g2, odd_a = a * (g1 + T(0.5) * g3);
  const V even_b = g0 + T(2) * g2, odd_b = b * (g1 + T(2) * g3);
  g[step] = even_a + odd_a;
  g[2 * step] = even_a - odd_a;
  g[3 * step] = even_b + odd_b;
  g[4 * step] = even_b - odd_b;
  g[5 * step] = g3;
}

template <typename S, typename T>
void winograd_grad(const S* const* pixels, int64_t channels, T* out, int64_t out_stride) {
  for (int64_t c = 0; c < channels; c += kLanes<T>) {
    Vector<T> g[36];
    for (int y = 0; y < 4; ++y) {
      for (int x = 0; x < 4; ++x) g[6 * y + x] = load_as(pixels[4 * y + x] + c);
      transform_grad_axis(g + 6 * y, 1);
    }
    for (int x = 0; x < 6; ++x) transform_grad_axis(g + x, 6);
    for (int i = 0; i < 36; ++i) store(out + i * out_stride + c, g[i]);
  }
}

template <typename S, typename T>
void winograd_input(const S* const* pixels, int64_t channels, T* out, int64_t out_stride) {
  for (int64_t c = 0; c < channels; c += kLanes<T>) {
    Vector<T> d[36];
    for (int i = 0; i < 36; ++i) d[i] = load_as(pixels[i] + c);
    for (int y = 0; y < 6; ++y) transform_input_axis(d + 6 * y, 1);
    for (int x = 0; x < 6; ++x) transform_input_axis(d + x, 6);
    for (int i = 0; i < 36; ++i) store(out + i * out_stride + c, d[i]);
  }
}

// R rows of a times V vectors of columns of b.
template <typename T, int R, int V>
[[gnu::always_inline]] inline void multiply_block(const WinogradFactor<T>& a, const T* b,
                                                  int64_t b_stride, int64_t depth, bool add, T* out,
                                                  int64_t out_stride) {
  Vector<T> sum[R][V] = {};
  const T *column = a.data, *row = b;
  for (int64_t c = 0; c < depth; ++c, column += a.depth_stride, row += b_stride) {
    Vector<T> values[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) values[v] = load(row + v * kLanes<T>);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const T factor = column[r * a.row_stride];
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sum[r][v] += factor * values[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) {
      T* target = out + r * out_stride + v * kLanes<T>;
      store(target, add ? load(target) + sum[r][v] : sum[r][v]);
    }
}

template <typename T, int V>
void multiply_columns(WinogradFactor<T> a, int64_t rows, const T* b, int64_t b_stride,
                      int64_t depth, bool add, T* out, int64_t out_stride) {
  for (; rows >= 6; rows -= 6, a.data += 6 * a.row_stride, out += 6 * out_stride)
    multiply_block<T, 6, V>(a, b, b_stride, depth, add, out, out_stride);
  const auto rest = [&]<int R>() {
    multiply_block<T, R, V>(a, b, b_stride, depth, add, out, out_stride);
  };
  switch (rows) {
    case 5:
      return rest.template operator()<5>();
    case 4:
      return rest.template operator()<4>();
    case 3:
      return rest.template operator()<3>();
    case 2:
      return rest.template operator()<2>();
    case 1:
      return rest.template operator()<1>();
  }
}

// Vectors of columns that a block of products holds in registers, beside six rows.
constexpr int kPanelVectors = LANNER_VECTOR_BYTES == 64 ? 4 : 2;

template <typename T>
void winograd_multiply(const WinogradFactor<T>& a, int64_t rows, const T* b, int64_t b_stride,
                       int64_t depth, int64_t columns, bool add, T* out, int64_t out_stride) {
  switch (columns / kLanes<T>) {
    case 1:
      return multiply_columns<T, 1>(a, rows, b, b_stride, depth, add, out, out_stride);
    case 2:
      return multiply_columns<T, 2>(a, rows, b, b_stride, depth, add, out, out_stride);
    case 3:
      return multiply_columns<T, 3>(a, rows, b, b_stride, depth, add, out, out_stride);
    case 4:
      return multiply_columns<T, 4>(a, rows, b, b_stride, depth, add, out, out_stride);
  }
}

// One axis of the filter's transform: three taps, `step` apart in d, become six.
template <typename V>
[[gnu::always_inline]] inline void transform_filter_axis(V* d, int64_t step) {
  using T = std::remove_reference_t<decltype(d[0][0])>;
  constexpr T a = kPointA<T>, b = kPointB<T>;
  constexpr T of_a = kFactorA<T>, of_b = kFactorB<T>;
  const V g0 = d[0], g1 = d[step], g2 = d[2 * step];
  const V even_a = of_a * (g0 + T(0.5) * g2), odd_a = (of_a * a) * g1;
  const V even_b = of_b * (g0 + T(2) * g2), odd_b = (of_b * b) * g1;
  d[step] = even_a + odd_a;
  d[2 * step] = even_a - odd_a;
  d[3 * step] = even_b + odd_b;
  d[4 * step] = even_b - odd_b;
  d[5 * step] = g2;
}

// One axis of the transposed filter's transform: six values, `step` apart, become three.
template <typename V>
[[gnu::always_inline]] inline void transform_filter_grad_axis(V* d, int64_t step) {
  using T = std::remove_reference_t<decltype(d[0][0])>;
  constexpr T a = kPointA<T>, b = kPointB<T>;
  constexpr T of_a = kFactorA<T>, of_b = kFactorB<T>;
  const V even_a = of_a * (d[step] + d[2 * step]), even_b = of_b * (d[3 * step] + d[4 * step]);
  const V odd_a = (of_a * a) * (d[step] - d[2 * step]);
  const V odd_b = (of_b * b) * (d[3 * step] - d[4 * step]);
  d[0] = d[0] + even_a + even_b;
  d[step] = odd_a + odd_b;
  d[2 * step] = T(0.5) * even_a + T(2) * even_b + d[5 * step];
}

template <typename T>
void winograd_filter_grad(const T* products, int64_t stride, int64_t columns, T* taps,
                          int64_t tap_stride) {
  for (int64_t o = 0; o < columns; o += kLanes<T>) {
    Vector<T> d[36];
    for (int i = 0; i < 36; ++i) d[i] = load(products + i * stride + o);
    for (int y = 0; y < 6; ++y) transform_filter_grad_axis(d + 6 * y, 1);
    for (int x = 0; x < 3; ++x) transform_filter_grad_axis(d + x, 6);
    for (int y = 0; y < 3; ++y)
      for (int x = 0; x < 3; ++x) store(taps + (3 * y + x) * tap_stride + o, d[6 * y + x]);
  }
}

template <typename T>
void winograd_filter(const T* taps, int64_t tap_stride, int64_t columns, T* out,
                     int64_t out_stride) {
  for (int64_t o = 0; o < columns; o += kLanes<T>) {
    Vector<T> g[36];
    for (int y = 0; y < 3; ++y) {
      for (int x = 0; x < 3; ++x) g[6 * y + x] = load(taps + (3 * y + x) * tap_stride + o);
      transform_filter_axis(g + 6 * y, 1);
    }
    for (int x = 0; x < 6; ++x) transform_filter_axis(g + x, 6);
    for (int i = 0; i < 36; ++i) store(out + i * out_stride + o, g[i]);
  }
}

template <typename S, typename T>
void winograd_output(const T* products, int64_t stride, int64_t channels, const T* bias, bool relu,
                     bool add, S* const* pixels) {
  for (int64_t c = 0; c < channels; c += kLanes<T>) {
    Vector<T> m[36];
    for (int i = 0; i < 36; ++i) m[i] = load(products + i * stride + c);
    for (int x = 0; x < 6; ++x) transform_output_axis(m + x, 6);
    for (int y = 0; y < 4; ++y) transform_output_axis(m + 6 * y, 1);
    const Vector<T> shift = bias ? load(bias + c) : Vector<T>{};
    for (int y = 0; y < 4; ++y)
      for (int x = 0; x < 4; ++x) {
        S* pixel = pixels[4 * y + x];
        if (!pixel) continue;
        Vector<T> value = m[6 * y + x] + shift;
        if (add) value += load_as(pixel + c);
        if (relu) value = value < T(0) ? Vector<T>{} : value;  // NaN stays
        store_as(pixel + c, value);
      }
  }
}

}  // namespace lanner::ops::LANNER_ISA
