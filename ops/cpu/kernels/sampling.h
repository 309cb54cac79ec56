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
    T* to = out + i * out_stride;
    const int64_t done = for_vectors<T>(channels, [&]<int V>(int64_t first) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        const int64_t at = first + v * kLanes<T>;
        store(to + at,
              wa * load(a + at) + wb * load(b + at) + wc * load(c + at) + wd * load(d + at));
      }
    });
    for (int64_t at = done; at < channels; ++at)
      to[at] = wa * a[at] + wb * b[at] + wc * c[at] + wd * d[at];
  }
}

template <typename T>
[[gnu::always_inline]] inline T total(const Vector<T>& vector) {
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
      const int64_t at = first + v * kLanes<T>;
      const Vector<T> g = load(grad + at), scaled = g * s.scale;
      Vector<T> value = {};
#pragma GCC unroll 4
      for (int corner = 0; corner < 4; ++corner) {
        const int64_t place = s.offset[corner] + at;
        const Vector<T> here = load(in + place);
        value += s.weight[corner] * here;
        dot[corner] += g * here;
        store(grad_in + place, load(grad_in + place) + s.weight[corner] * scaled);
      }
      store(out + at, value * s.scale);
    }
  };
  const int64_t done = for_vectors<T>(channels, vectors);
  for (int corner = 0; corner < 4; ++corner) dots[corner] += total<T>(dot[corner]);
  for (int64_t at = done; at < channels; ++at) {
    T value = 0;
    for (int corner = 0; corner < 4; ++corner) {
      const int64_t place = s.offset[corner] + at;
      value += s.weight[corner] * in[place];
      dots[corner] += grad[at] * in[place];
      grad_in[place] += s.weight[corner] * s.scale * grad[at];
    }
    out[at] = value * s.scale;
  }
}

template <typename T>
T dot(const T* a, const T* b, int64_t count) {
  Vector<T> sum[4] = {};
  const int64_t done = for_vectors<T>(count, [&]<int V>(int64_t first) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v)
      sum[v] += load(a + first + v * kLanes<T>) * load(b + first + v * kLanes<T>);
  });
  T rest = total<T>((sum[0] + sum[1]) + (sum[2] + sum[3]));
  for (int64_t i = done; i < count; ++i) rest += a[i] * b[i];
  return rest;
}

}  // namespace lanner::ops::LANNER_ISA
