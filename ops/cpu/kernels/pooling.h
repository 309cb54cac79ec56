#pragma once

#include "lanner/ops/cpu/kernels.h"
#include "lanner/ops/cpu/kernels/vector.h"

namespace lanner::ops::LANNER_ISA {

template <typename T, int V>
[[gnu::always_inline]] inline void gather_vectors(const Cells<const T>& in, const Tap<T>* taps,
                                                  const BinTaps& bin, T* out) {
  Vector<T> sum[V] = {};
  for (int32_t y = bin.y_begin; y < bin.y_end; ++y) {
    const T* row = in.data + taps[y].cell * in.row_stride;
    for (int32_t x = bin.x_begin; x < bin.x_end; ++x) {
      const T weight = taps[y].weight * taps[x].weight;
      const T* cell = row + taps[x].cell * in.column_stride;
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[v] += weight * load(cell + v * kLanes<T>);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) store(out + v * kLanes<T>, sum[v]);
}

template <typename T>
void gather(const Cells<const T>& in, const Tap<T>* taps, const BinTaps* bins, int64_t count,
            int64_t channels, T* out, int64_t out_stride) {
  const auto vectors = [&]<int V>(int64_t first) {
    const Cells<const T> part{in.data + first, in.row_stride, in.column_stride};
    for (int64_t b = 0; b < count; ++b)
      gather_vectors<T, V>(part, taps, bins[b], out + b * out_stride + first);
  };
  for (int64_t c = for_vectors<T>(channels, vectors); c < channels; ++c)
    for (int64_t b = 0; b < count; ++b) {
      T sum = 0;
      for (int32_t y = bins[b].y_begin; y < bins[b].y_end; ++y)
        for (int32_t x = bins[b].x_begin; x < bins[b].x_end; ++x)
          sum += taps[y].weight * taps[x].weight *
                 in.data[taps[y].cell * in.row_stride + taps[x].cell * in.column_stride + c];
      out[b * out_stride + c] = sum;
    }
}

template <typename T, int V>
[[gnu::always_inline]] inline void scatter_vectors(const Cells<T>& out, const Tap<T>* taps,
                                                   const BinTaps& bin, const T* grad) {
  Vector<T> own[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) own[v] = load(grad + v * kLanes<T>);
  for (int32_t y = bin.y_begin; y < bin.y_end; ++y) {
    T* row = out.data + taps[y].cell * out.row_stride;
    for (int32_t x = bin.x_begin; x < bin.x_end; ++x) {
      const T weight = taps[y].weight * taps[x].weight;
      T* cell = row + taps[x].cell * out.column_stride;
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v)
        store(cell + v * kLanes<T>, load(cell + v * kLanes<T>) + weight * own[v]);
    }
  }
}

template <typename T>
void scatter(const Cells<T>& out, const Tap<T>* taps, const BinTaps* bins, int64_t count,
             int64_t channels, const T* grad, int64_t grad_stride) {
  const auto vectors = [&]<int V>(int64_t first) {
    const Cells<T> part{out.data + first, out.row_stride, out.column_stride};
    for (int64_t b = 0; b < count; ++b)
      scatter_vectors<T, V>(part, taps, bins[b], grad + b * grad_stride + first);
  };
  for (int64_t c = for_vectors<T>(channels, vectors); c < channels; ++c)
    for (int64_t b = 0; b < count; ++b)
      for (int32_t y = bins[b].y_begin; y < bins[b].y_end; ++y)
        for (int32_t x = bins[b].x_begin; x < bins[b].x_end; ++x)
          out.data[taps[y].cell * out.row_stride + taps[x].cell * out.column_stride + c] +=
              taps[y].weight * taps[x].weight * grad[b * grad_stride + c];
}

// The argmax is kept in integers of T's width, which a comparison of T selects without conversion.
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
void greatest(const Cells<const T>& in, const BinCells* bins, int64_t count, int64_t width,
              int64_t channels, T least, T* out, int32_t* argmax, int64_t out_stride) {
  using Index = typename IndexType<T>::type;
  const auto vectors = [&]<int V>(int64_t first) {
    for (int64_t b = 0; b < count; ++b) {
      const auto& bin = bins[b];
      const bool empty = bin.x_end <= bin.x_begin || bin.y_end <= bin.y_begin;
      Vector<T> best[V];
      Vector<Index> where[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v)
        best[v] = Vector<T>{} + (empty ? T(0) : least), where[v] = Vector<Index>{} - 1;
      for (int32_t y = bin.y_begin; y < bin.y_end; ++y)
        for (int32_t x = bin.x_begin; x < bin.x_end; ++x) {
          const T* cell =
              in.data + int64_t{y} * in.row_stride + int64_t{x} * in.column_stride + first;
          const Vector<Index> here =
              Vector<Index>{} + static_cast<Index>(y * static_cast<int32_t>(width) + x);
#pragma GCC unroll 4
          for (int v = 0; v < V; ++v) {
            const Vector<T> value = load(cell + v * kLanes<T>);
            where[v] = value > best[v] ? here : where[v];
            best[v] = value > best[v] ? value : best[v];
          }
        }
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        const int64_t place = b * out_stride + first + v * kLanes<T>;
        store(out + place, best[v]);
        for (int64_t i = 0; i < kLanes<T>; ++i)
          argmax[place + i] = static_cast<int32_t>(where[v][i]);
      }
    }
  };
  for (int64_t c = for_vectors<T>(channels, vectors); c < channels; ++c)
    for (int64_t b = 0; b < count; ++b) {
      const auto& bin = bins[b];
      T best = bin.x_end <= bin.x_begin || bin.y_end <= bin.y_begin ? T(0) : least;
      int64_t where = -1;
      for (int32_t y = bin.y_begin; y < bin.y_end; ++y)
        for (int32_t x = bin.x_begin; x < bin.x_end; ++x) {
          const T value = in.data[int64_t{y} * in.row_stride + int64_t{x} * in.column_stride + c];
          if (value > best) best = value, where = int64_t{y} * width + x;
        }
      out[b * out_stride + c] = best;
      argmax[b * out_stride + c] = static_cast<int32_t>(where);
    }
}

}  // namespace lanner::ops::LANNER_ISA
