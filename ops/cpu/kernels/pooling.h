#pragma once

#include "lanner/ops/cpu/kernels.h"
#include "lanner/ops/cpu/kernels/vector.h"

namespace lanner::ops::LANNER_ISA {

// Returns the sum of the weights.
template <typename S, typename T, int V>
[[gnu::always_inline]] inline T gather_vectors(const NhwcView<const S>& in,
                                               const AxisWeight<T>* weights, const BinWeights& bin,
                                               Vector<T>* sum) {
  T total = 0;
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) sum[v] = Vector<T>{};
  for (int32_t y = bin.y_begin; y < bin.y_end; ++y) {
    const S* row = in.data + weights[y].index * in.row_stride;
    for (int32_t x = bin.x_begin; x < bin.x_end; ++x) {
      const T weight = weights[y].weight * weights[x].weight;
      const S* pixel = row + weights[x].index * in.column_stride;
      total += weight;
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[v] += weight * load_as(pixel + v * kLanes<T>);
    }
  }
  return total;
}

template <typename T>
void gather(const NhwcView<const T>& in, const AxisWeight<T>* weights, const BinWeights* bins,
            int64_t count, int64_t channels, T* out, int64_t out_stride) {
  const auto vectors = [&]<int V>(int64_t first) {
    const NhwcView<const T> part{in.data + first, in.row_stride, in.column_stride};
    for (int64_t b = 0; b < count; ++b) {
      Vector<T> sum[V];
      gather_vectors<T, T, V>(part, weights, bins[b], sum);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) store(out + b * out_stride + first + v * kLanes<T>, sum[v]);
    }
  };
  for (int64_t c = for_vectors<T>(channels, vectors); c < channels; ++c)
    for (int64_t b = 0; b < count; ++b) {
      T sum = 0;
      for (int32_t y = bins[b].y_begin; y < bins[b].y_end; ++y)
        for (int32_t x = bins[b].x_begin; x < bins[b].x_end; ++x)
          sum +=
              weights[y].weight * weights[x].weight *
              in.data[weights[y].index * in.row_stride + weights[x].index * in.column_stride + c];
      out[b * out_stride + c] = sum;
    }
}

template <typename S>
void gather_narrow(const NhwcView<const S>& in, const AxisWeight<float>* weights,
                   const BinWeights* bins, int64_t count, int64_t channels, float zero, float scale,
                   float* out, int64_t out_stride) {
  for_vectors<float>(channels, [&]<int V>(int64_t first) {
    const NhwcView<const S> part{in.data + first, in.row_stride, in.column_stride};
    for (int64_t b = 0; b < count; ++b) {
      Vector<float> sum[V];
      const float shift = zero * gather_vectors<S, float, V>(part, weights, bins[b], sum);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v)
        store(out + b * out_stride + first + v * kLanes<float>, (sum[v] - shift) * scale);
    }
  });
}

inline void to_bfloat16(const float* in, int64_t count, uint16_t* out) {
  int64_t i = 0;
  for (; i + kLanes<float> <= count; i += kLanes<float>) store_as(out + i, load(in + i));
  float rest[kLanes<float>] = {};
  uint16_t rounded[kLanes<float>];
  for (int64_t j = i; j < count; ++j) rest[j - i] = in[j];
  store_as(rounded, load(rest));
  for (int64_t j = i; j < count; ++j) out[j] = rounded[j - i];
}

// One vector; `rest` is the number of its elements that exist.
[[gnu::always_inline]] inline void to_bytes_vector(const float* in, int64_t rest, float zero,
                                                   float inverse_scale, uint8_t* out) {
  float padded[kLanes<float>] = {};
  if (rest < kLanes<float>)
    for (int64_t j = 0; j < rest; ++j) padded[j] = in[j];
  auto value = load(rest < kLanes<float> ? padded : in) * inverse_scale + zero;
  value = value > 0.0f ? value : Vector<float>{};  // also NaN
  value = value < 255.0f ? value : Vector<float>{} + 255.0f;
  // The sum's last place is 1: it rounds to nearest, ties to even.
  const auto bits = reinterpret_cast<Vector<int32_t>>(value + 8388608.0f) & 255;
  typedef uint8_t Bytes __attribute__((vector_size(LANNER_VECTOR_BYTES / 4)));
  const Bytes bytes = __builtin_convertvector(bits, Bytes);
  __builtin_memcpy(out, &bytes, rest < kLanes<float> ? rest : kLanes<float>);
}

inline void to_bytes(const float* in, int64_t count, float zero, float scale, uint8_t* out) {
  for (int64_t i = 0; i < count; i += kLanes<float>)
    to_bytes_vector(in + i, count - i, zero, 1 / scale, out + i);
}

template <typename T, int V>
[[gnu::always_inline]] inline void scatter_vectors(const NhwcView<T>& out,
                                                   const AxisWeight<T>* weights,
                                                   const BinWeights& bin, const T* grad) {
  Vector<T> grads[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) grads[v] = load(grad + v * kLanes<T>);
  for (int32_t y = bin.y_begin; y < bin.y_end; ++y) {
    T* row = out.data + weights[y].index * out.row_stride;
    for (int32_t x = bin.x_begin; x < bin.x_end; ++x) {
      const T weight = weights[y].weight * weights[x].weight;
      T* pixel = row + weights[x].index * out.column_stride;
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v)
        store(pixel + v * kLanes<T>, load(pixel + v * kLanes<T>) + weight * grads[v]);
    }
  }
}

template <typename T>
void scatter(const NhwcView<T>& out, const AxisWeight<T>* weights, const BinWeights* bins,
             int64_t count, int64_t channels, const T* grad, int64_t grad_stride) {
  const auto vectors = [&]<int V>(int64_t first) {
    const NhwcView<T> part{out.data + first, out.row_stride, out.column_stride};
    for (int64_t b = 0; b < count; ++b)
      scatter_vectors<T, V>(part, weights, bins[b], grad + b * grad_stride + first);
  };
  for (int64_t c = for_vectors<T>(channels, vectors); c < channels; ++c)
    for (int64_t b = 0; b < count; ++b)
      for (int32_t y = bins[b].y_begin; y < bins[b].y_end; ++y)
        for (int32_t x = bins[b].x_begin; x < bins[b].x_end; ++x)
          out.data[weights[y].index * out.row_stride + weights[x].index * out.column_stride + c] +=
              weights[y].weight * weights[x].weight * grad[b * grad_stride + c];
}

// The argmax is held in integers as wide as T, so that a comparison of T can select them without
// conversion.
template <typename T>
struct IndexType;
template <>
struct IndexType<float> {
  using type = int32_t;
};
template <>
struct IndexType<double> {
  using type = int64_t;
};

template <typename T>
void max_pool(const NhwcView<const T>& in, const BinRange* bins, int64_t count, int64_t width,
              int64_t channels, T floor_value, T* out, int32_t* argmax, int64_t out_stride) {
  using Index = typename IndexType<T>::type;
  const auto vectors = [&]<int V>(int64_t first) {
    for (int64_t b = 0; b < count; ++b) {
      const auto& bin = bins[b];
      const bool empty = bin.x_end <= bin.x_begin || bin.y_end <= bin.y_begin;
      Vector<T> best[V];
      Vector<Index> best_index[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v)
        best[v] = Vector<T>{} + (empty ? T(0) : floor_value), best_index[v] = Vector<Index>{} - 1;
      for (int32_t y = bin.y_begin; y < bin.y_end; ++y)
        for (int32_t x = bin.x_begin; x < bin.x_end; ++x) {
          const T* pixel =
              in.data + int64_t{y} * in.row_stride + int64_t{x} * in.column_stride + first;
          const Vector<Index> index =
              Vector<Index>{} + static_cast<Index>(y * static_cast<int32_t>(width) + x);
#pragma GCC unroll 4
          for (int v = 0; v < V; ++v) {
            const Vector<T> value = load(pixel + v * kLanes<T>);
            best_index[v] = value > best[v] ? index : best_index[v];
            best[v] = value > best[v] ? value : best[v];
          }
        }
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        const int64_t out_index = b * out_stride + first + v * kLanes<T>;
        store(out + out_index, best[v]);
        for (int64_t i = 0; i < kLanes<T>; ++i)
          argmax[out_index + i] = static_cast<int32_t>(best_index[v][i]);
      }
    }
  };
  for (int64_t c = for_vectors<T>(channels, vectors); c < channels; ++c)
    for (int64_t b = 0; b < count; ++b) {
      const auto& bin = bins[b];
      T best = bin.x_end <= bin.x_begin || bin.y_end <= bin.y_begin ? T(0) : floor_value;
      int64_t best_index = -1;
      for (int32_t y = bin.y_begin; y < bin.y_end; ++y)
        for (int32_t x = bin.x_begin; x < bin.x_end; ++x) {
          const T value = in.data[int64_t{y} * in.row_stride + int64_t{x} * in.column_stride + c];
          if (value > best) best = value, best_index = int64_t{y} * width + x;
        }
      out[b * out_stride + c] = best;
      argmax[b * out_stride + c] = static_cast<int32_t>(best_index);
    }
}

}  // namespace lanner::ops::LANNER_ISA
