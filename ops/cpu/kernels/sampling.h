#pragma once

#include "lanner/ops/cpu/kernels.h"
#include "lanner/ops/cpu/kernels/vector.h"

namespace lanner::ops::LANNER_ISA {

template <typename T>
void sample(const T* in, const Sample<T>* samples, int64_t count, int64_t channels, T* out,
            int64_t out_stride) {
  for (int64_t i = 0; i < count; ++i) {
    const auto& s = samples[i];
    const T *a = in + s.offset[0], *b = in + s.offset[1], *c = in + s.offset[2],
            *d = in + s.offset[3];
    const T wa = s.weight[0] * s.scale, wb = s.weight[1] * s.scale, wc = s.weight[2] * s.scale,
            wd = s.weight[3] * s.scale;
    T* out_row = out + i * out_stride;
    const int64_t vectorized = for_vectors<T>(channels, [&]<int V>(int64_t first) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        const int64_t channel = first + v * kLanes<T>;
        store(out_row + channel, wa * load(a + channel) + wb * load(b + channel) +
                                     wc * load(c + channel) + wd * load(d + channel));
      }
    });
    for (int64_t channel = vectorized; channel < channels; ++channel)
      out_row[channel] = wa * a[channel] + wb * b[channel] + wc * c[channel] + wd * d[channel];
  }
}

template <typename T>
[[gnu::always_inline]] inline T horizontal_sum(const Vector<T>& vector) {
  T sum = 0;
  for (int64_t i = 0; i < kLanes<T>; ++i) sum += vector[i];
  return sum;
}

template <typename T>
void sample_backward(const T* in, const Sample<T>& s, int64_t channels, const T* grad, T* out,
                     T* grad_in, T* dots) {
  Vector<T> dot[4] = {};
  const auto vectors = [&]<int V>(int64_t first) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const int64_t channel = first + v * kLanes<T>;
      const Vector<T> g = load(grad + channel), scaled = g * s.scale;
      Vector<T> value = {};
#pragma GCC unroll 4
      for (int corner = 0; corner < 4; ++corner) {
        const int64_t index = s.offset[corner] + channel;
        const Vector<T> pixel = load(in + index);
        value += s.weight[corner] * pixel;
        dot[corner] += g * pixel;
        store(grad_in + index, load(grad_in + index) + s.weight[corner] * scaled);
      }
      store(out + channel, value * s.scale);
    }
  };
  const int64_t vectorized = for_vectors<T>(channels, vectors);
  for (int corner = 0; corner < 4; ++corner) dots[corner] += horizontal_sum<T>(dot[corner]);
  for (int64_t channel = vectorized; channel < channels; ++channel) {
    T value = 0;
    for (int corner = 0; corner < 4; ++corner) {
      const int64_t index = s.offset[corner] + channel;
      value += s.weight[corner] * in[index];
      dots[corner] += grad[channel] * in[index];
      grad_in[index] += s.weight[corner] * s.scale * grad[channel];
    }
    out[channel] = value * s.scale;
  }
}

template <typename T>
T dot(const T* a, const T* b, int64_t count) {
  Vector<T> sum[4] = {};
  const int64_t vectorized = for_vectors<T>(count, [&]<int V>(int64_t first) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v)
      sum[v] += load(a + first + v * kLanes<T>) * load(b + first + v * kLanes<T>);
  });
  T result = horizontal_sum<T>((sum[0] + sum[1]) + (sum[2] + sum[3]));
  for (int64_t i = vectorized; i < count; ++i) result += a[i] * b[i];
  return result;
}

}  // namespace lanner::ops::LANNER_ISA
