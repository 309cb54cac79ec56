#pragma once

#include "lanner/ops/deform_roi_sampling.h"

namespace lanner::ops {

// Computes one output element of a deformable RoI operator, or its contribution to the gradients:
// the work of one CUDA thread, also run on the host by the tests. T: storage type; A: arithmetic
// type.

// What an output element reads: its plane, its samples on both axes and the index of its offset.
template <typename A>
struct DeformElement {
  int64_t plane, offset;
  SampleLine<A> x, y;
  // The samples that may be inside the map.
  SampleRange columns, rows;
  A sample_weight;
  bool valid;
};

template <typename A, typename T, typename Sampling>
LANNER_HOST_DEVICE DeformElement<A> deform_element(int64_t index, const T* rois, const T* offset,
                                                   const Sampling& sampling,
                                                   const DeformPoolShape& s) {
  DeformElement<A> e;
  const int64_t bin = index % s.bins(), c = index / s.bins() % s.channels;
  const int64_t k = index / s.bins() / s.channels;
  const T* roi = rois + k * 5;
  const A image = static_cast<A>(roi[0]);
  e.valid = image >= A(0) && image < A(s.batch);  // a kernel cannot throw; the output is 0
  if (!e.valid) return e;
  e.plane = ((static_cast<int64_t>(image) * s.channels + c) * s.groups() + s.group(bin)) *
            s.height * s.width;
  e.offset = s.offset(k, c / s.channels_per_class(), bin);
  const A offset_x = offset ? static_cast<A>(offset[e.offset]) : A(0);
  const A offset_y = offset ? static_cast<A>(offset[e.offset + s.part()]) : A(0);
  e.x = sampling.line(static_cast<A>(roi[1]), static_cast<A>(roi[3]), s.pooled_width,
                      bin % s.pooled_width, offset_x);
  e.y = sampling.line(static_cast<A>(roi[2]), static_cast<A>(roi[4]), s.pooled_height,
                      bin / s.pooled_width, offset_y);
  int64_t inside_x = 0, inside_y = 0;
  e.columns = e.x.range(s.width), e.rows = e.y.range(s.height);
  for (int64_t i = e.columns.begin; i < e.columns.end; ++i)
    inside_x += Sampling::sample(e.x.position(i), s.width).inside;
  for (int64_t i = e.rows.begin; i < e.rows.end; ++i)
    inside_y += Sampling::sample(e.y.position(i), s.height).inside;
  e.sample_weight =
      line_sample_weight<Sampling>(e.x, inside_x) * line_sample_weight<Sampling>(e.y, inside_y);
  return e;
}

// Calls visit(y_sample, x_sample) for each sample inside the map.
template <typename A, typename Sampling, typename Visit>
LANNER_HOST_DEVICE void deform_visit(const DeformElement<A>& e, const Sampling&,
                                     const DeformPoolShape& s, Visit visit) {
  for (int64_t iy = e.rows.begin; iy < e.rows.end; ++iy) {
    const auto y = Sampling::sample(e.y.position(iy), s.height);
    if (!y.inside) continue;
    for (int64_t ix = e.columns.begin; ix < e.columns.end; ++ix) {
      const auto x = Sampling::sample(e.x.position(ix), s.width);
      if (x.inside) visit(y, x);
    }
  }
}

template <typename A, typename T, typename Sampling>
struct DeformPoolForward {
  const T *input, *rois, *offset;
  T* output;
  Sampling sampling;
  DeformPoolShape s;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    const auto e = deform_element<A>(index, rois, offset, sampling, s);
    A sum = 0;
    if (e.valid) {
      const T* plane = input + e.plane;
      const int64_t width = s.width;
      deform_visit(e, sampling, s, [&](const AxisSample<A>& y, const AxisSample<A>& x) {
        const T *low = plane + y.low * width, *high = plane + y.high * width;
        sum += y.low_weight * (x.low_weight * static_cast<A>(low[x.low]) +
                               x.high_weight * static_cast<A>(low[x.high])) +
               y.high_weight * (x.low_weight * static_cast<A>(high[x.low]) +
                                x.high_weight * static_cast<A>(high[x.high]));
      });
      sum *= e.sample_weight;
    }
    output[index] = static_cast<T>(sum);
  }
};

template <typename A, typename T, typename Sampling>
struct DeformPoolBackward {
  const T *grad_output, *input, *rois, *offset;
  T *grad_input, *grad_offset;
  Sampling sampling;
  DeformPoolShape s;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    const auto e = deform_element<A>(index, rois, offset, sampling, s);
    if (!e.valid) return;
    const A grad = static_cast<A>(grad_output[index]) * e.sample_weight;
    const T* plane = input + e.plane;
    T* out = grad_input + e.plane;
    const int64_t width = s.width;
    A derivative_x = 0, derivative_y = 0;
    deform_visit(e, sampling, s, [&](const AxisSample<A>& y, const AxisSample<A>& x) {
      const int64_t corners[4] = {y.low * width + x.low, y.low * width + x.high,
                                  y.high * width + x.low, y.high * width + x.high};
      shared_add(out + corners[0], static_cast<T>(grad * y.low_weight * x.low_weight));
      shared_add(out + corners[1], static_cast<T>(grad * y.low_weight * x.high_weight));
      shared_add(out + corners[2], static_cast<T>(grad * y.high_weight * x.low_weight));
      shared_add(out + corners[3], static_cast<T>(grad * y.high_weight * x.high_weight));
      const A v00 = static_cast<A>(plane[corners[0]]), v01 = static_cast<A>(plane[corners[1]]);
      const A v10 = static_cast<A>(plane[corners[2]]), v11 = static_cast<A>(plane[corners[3]]);
      if (x.has_gradient) derivative_x += y.low_weight * (v01 - v00) + y.high_weight * (v11 - v10);
      if (y.has_gradient) derivative_y += x.low_weight * (v10 - v00) + x.high_weight * (v11 - v01);
    });
    if (!offset) return;
    shared_add(grad_offset + e.offset, static_cast<T>(grad * derivative_x * e.x.pixels_per_offset));
    shared_add(grad_offset + e.offset + s.part(),
               static_cast<T>(grad * derivative_y * e.y.pixels_per_offset));
  }
};

}  // namespace lanner::ops
