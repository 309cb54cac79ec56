#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <vector>

#include "lanner/ops/checks.h"
#include "lanner/ops/cpu/rois.h"
#include "lanner/ops/cpu/vectors.h"
#include "lanner/ops/roi_grid.h"
#include "lanner/ops/vectorised.h"

namespace lanner::ops {
namespace {

// The work is channels-last: a sample point is four vectors of C numbers.
template <typename T>
struct Point {
  int64_t offset[4];  // of the four neighbours' vectors, in elements
  T weight[4];
};

LANNER_VECTORISED void gather(float* out, const float* in, const Point<float>& p,
                              int64_t channels) {
  const float *a = in + p.offset[0], *b = in + p.offset[1], *c = in + p.offset[2],
              *d = in + p.offset[3];
  for (int64_t i = 0; i < channels; ++i)
    out[i] += p.weight[0] * a[i] + p.weight[1] * b[i] + p.weight[2] * c[i] + p.weight[3] * d[i];
}
LANNER_VECTORISED void gather(double* out, const double* in, const Point<double>& p,
                              int64_t channels) {
  const double *a = in + p.offset[0], *b = in + p.offset[1], *c = in + p.offset[2],
               *d = in + p.offset[3];
  for (int64_t i = 0; i < channels; ++i)
    out[i] += p.weight[0] * a[i] + p.weight[1] * b[i] + p.weight[2] * c[i] + p.weight[3] * d[i];
}
struct Shape {
  int64_t batch, channels, height, width, pooled_height, pooled_width;
};

// Every sample point of one RoI, bin by bin. Points that read nothing are left out; `divisor` still
// counts them.
template <typename T>
struct RoiPoints {
  std::vector<Point<T>> points;
  std::vector<int64_t> bin_end;  // bin b owns points[bin_end[b - 1], bin_end[b])
  int64_t batch = 0;
  T divisor = 1;

  void fill(const T* roi, const Shape& s, T spatial_scale, int64_t sampling_ratio, bool aligned) {
    points.clear();
    bin_end.clear();
    batch = static_cast<int64_t>(roi[0]);
    const auto x_axis =
        roi_axis(roi[1], roi[3], spatial_scale, aligned, s.pooled_width, sampling_ratio, s.width);
    const auto y_axis =
        roi_axis(roi[2], roi[4], spatial_scale, aligned, s.pooled_height, sampling_ratio, s.height);
    divisor = static_cast<T>(std::max<int64_t>(x_axis.samples * y_axis.samples, 1));
    for (int64_t i = 0; i < s.pooled_height; ++i)
      for (int64_t j = 0; j < s.pooled_width; ++j) {
        for (int64_t iy = 0; iy < y_axis.samples; ++iy) {
          const auto y = clamped_sample(y_axis.position(i, iy), s.height);
          if (!y.inside) continue;
          for (int64_t ix = 0; ix < x_axis.samples; ++ix) {
            const auto x = clamped_sample(x_axis.position(j, ix), s.width);
            if (!x.inside) continue;
            const auto at = [&](int64_t row, int64_t column) {
              return ((batch * s.height + row) * s.width + column) * s.channels;
            };
            points.push_back(
                {{at(y.low, x.low), at(y.low, x.high), at(y.high, x.low), at(y.high, x.high)},
                 {y.low_weight * x.low_weight, y.low_weight * x.high_weight,
                  y.high_weight * x.low_weight, y.high_weight * x.high_weight}});
          }
        }
        bin_end.push_back(static_cast<int64_t>(points.size()));
      }
  }
};

// out: [count, bins, C] where `channels_last`, else [count, C, bins].
template <typename T>
void forward(T* out, const T* in, const T* rois, int64_t count, const Shape& s, T spatial_scale,
             int64_t sampling_ratio, bool aligned, bool channels_last) {
  const int64_t bins = s.pooled_height * s.pooled_width, size = bins * s.channels;
  at::parallel_for(0, count, 4, [&](int64_t begin, int64_t end) {
    RoiPoints<T> roi;
    std::vector<T> scratch(channels_last ? 0 : size);
    for (int64_t k = begin; k < end; ++k) {
      roi.fill(rois + k * 5, s, spatial_scale, sampling_ratio, aligned);
      T* sums = channels_last ? out + k * size : scratch.data();
      std::fill_n(sums, size, T(0));
      for (int64_t bin = 0, p = 0; bin < bins; ++bin)
        for (; p < roi.bin_end[bin]; ++p)
          gather(sums + bin * s.channels, in, roi.points[p], s.channels);
      for (int64_t i = 0; i < size; ++i) sums[i] /= roi.divisor;
      if (!channels_last) to_channels_first(out + k * size, sums, bins, s.channels);
    }
  });
}

// Each thread owns a slice of the channels and walks all RoIs in order: deterministic, no atomics.
template <typename T>
void backward(T* grad_in, const T* grad_out, const T* rois, int64_t count, const Shape& s,
              T spatial_scale, int64_t sampling_ratio, bool aligned) {
  const int64_t bins = s.pooled_height * s.pooled_width;
  at::parallel_for(0, s.channels, 16, [&](int64_t begin, int64_t end) {
    RoiPoints<T> roi;
    for (int64_t k = 0; k < count; ++k) {
      roi.fill(rois + k * 5, s, spatial_scale, sampling_ratio, aligned);
      for (int64_t bin = 0, p = 0; bin < bins; ++bin) {
        const T* grad = grad_out + (k * bins + bin) * s.channels + begin;
        for (; p < roi.bin_end[bin]; ++p)
          for (int corner = 0; corner < 4; ++corner)
            add_scaled(grad_in + roi.points[p].offset[corner] + begin, grad,
                       roi.points[p].weight[corner] / roi.divisor, end - begin);
      }
    }
  });
}

at::Tensor channels_last(const at::Tensor& tensor, at::ScalarType type) {
  return tensor.to(type).contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor roi_align_cpu(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                         int64_t pooled_height, int64_t pooled_width, int64_t sampling_ratio,
                         bool aligned) {
  check_rois("roi_align", input, rois);
  check_pooling("roi_align", spatial_scale, pooled_height, pooled_width);
  const Shape s{input.size(0), input.size(1), input.size(2),
                input.size(3), pooled_height, pooled_width};
  const auto type = compute_type(input.scalar_type());
  const auto in = channels_last(input, type), boxes = rois.to(type).contiguous();
  const auto format = input.suggest_memory_format();
  auto out = at::empty({rois.size(0), s.channels, pooled_height, pooled_width},
                       in.options().memory_format(format));
  const auto run = [&]<typename T>(T scale) {
    check_batch_indices("roi_align", boxes.const_data_ptr<T>(), boxes.size(0), s.batch);
    if (in.numel() == 0) out.zero_();
    if (out.numel() == 0 || in.numel() == 0) return;
    forward(out.mutable_data_ptr<T>(), in.const_data_ptr<T>(), boxes.const_data_ptr<T>(),
            boxes.size(0), s, scale, sampling_ratio, aligned,
            format == at::MemoryFormat::ChannelsLast);
  };
  type == at::kDouble ? run(spatial_scale) : run(static_cast<float>(spatial_scale));
  return out.to(input.scalar_type());
}

at::Tensor roi_align_backward_cpu(const at::Tensor& grad, const at::Tensor& rois,
                                  double spatial_scale, int64_t pooled_height, int64_t pooled_width,
                                  int64_t sampling_ratio, bool aligned, int64_t batch,
                                  int64_t channels, int64_t height, int64_t width) {
  check_pooling("roi_align backward", spatial_scale, pooled_height, pooled_width);
  check_rois_backward("roi_align backward", grad, rois, pooled_height, pooled_width, batch,
                      channels, height, width);
  const Shape s{batch, channels, height, width, pooled_height, pooled_width};
  const auto type = compute_type(grad.scalar_type());
  const auto out = channels_last(grad, type), boxes = rois.to(type).contiguous();
  auto in = at::zeros({batch, height, width, channels}, out.options());
  const auto run = [&]<typename T>(T scale) {
    check_batch_indices("roi_align", boxes.const_data_ptr<T>(), boxes.size(0), s.batch);
    if (out.numel() == 0 || in.numel() == 0) return;
    backward(in.mutable_data_ptr<T>(), out.const_data_ptr<T>(), boxes.const_data_ptr<T>(),
             boxes.size(0), s, scale, sampling_ratio, aligned);
  };
  type == at::kDouble ? run(spatial_scale) : run(static_cast<float>(spatial_scale));
  return in.permute({0, 3, 1, 2}).to(grad.scalar_type()).contiguous(grad.suggest_memory_format());
}

TORCH_LIBRARY_IMPL(lanner, CPU, m) {
  m.impl("roi_align", roi_align_cpu);
  m.impl("_roi_align_backward", roi_align_backward_cpu);
}

}  // namespace
}  // namespace lanner::ops
