#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <algorithm>

#include "lanner/ops/checks.h"
#include "lanner/ops/cpu/rois.h"
#include "lanner/ops/cpu/vectors.h"
#include "lanner/ops/roi_pool_cells.h"

namespace lanner::ops {
namespace {

struct Shape {
  int64_t batch, channels, height, width, pooled_height, pooled_width;
};

// The input is channels-last: a cell is a vector of C numbers. out, argmax: [count, bins, C] where
// `channels_last`, else [count, C, bins].
template <typename T>
void forward(T* out, int32_t* argmax, const T* in, const T* rois, int64_t count, const Shape& s,
             T spatial_scale, bool channels_last) {
  const int64_t bins = s.pooled_height * s.pooled_width, size = bins * s.channels;
  at::parallel_for(0, count, 4, [&](int64_t begin, int64_t end) {
    std::vector<T> best_scratch(channels_last ? 0 : size);
    std::vector<int32_t> cell_scratch(channels_last ? 0 : size);
    for (int64_t k = begin; k < end; ++k) {
      const T* roi = rois + k * 5;
      const T* image = in + static_cast<int64_t>(roi[0]) * s.height * s.width * s.channels;
      T* best = channels_last ? out + k * size : best_scratch.data();
      int32_t* cells = channels_last ? argmax + k * size : cell_scratch.data();
      std::fill_n(cells, size, -1);
      for (int64_t bin = 0; bin < bins; ++bin) {
        const auto x = roi_pool_cells(roi[1], roi[3], spatial_scale, s.pooled_width,
                                      bin % s.pooled_width, s.width);
        const auto y = roi_pool_cells(roi[2], roi[4], spatial_scale, s.pooled_height,
                                      bin / s.pooled_width, s.height);
        const bool empty = x.end <= x.begin || y.end <= y.begin;
        std::fill_n(best + bin * s.channels, s.channels, empty ? T(0) : roi_pool_least<T>());
        for (int64_t row = y.begin; row < y.end; ++row)
          for (int64_t column = x.begin; column < x.end; ++column) {
            const int64_t cell = row * s.width + column;
            keep_greater(best + bin * s.channels, cells + bin * s.channels,
                         image + cell * s.channels, static_cast<int32_t>(cell), s.channels);
          }
      }
      if (channels_last) continue;
      to_channels_first(out + k * size, best, bins, s.channels);
      to_channels_first(argmax + k * size, cells, bins, s.channels);
    }
  });
}

std::tuple<at::Tensor, at::Tensor> roi_pool_cpu(const at::Tensor& input, const at::Tensor& rois,
                                                double spatial_scale, int64_t pooled_height,
                                                int64_t pooled_width) {
  check_rois("roi_pool", input, rois);
  check_pooling("roi_pool", spatial_scale, pooled_height, pooled_width);
  TORCH_CHECK(input.size(2) * input.size(3) <= INT32_MAX, "roi_pool: input: expected at most ",
              INT32_MAX, " cells a plane, got ", input.size(2), " x ", input.size(3));
  const Shape s{input.size(0), input.size(1), input.size(2),
                input.size(3), pooled_height, pooled_width};
  const auto type = compute_type(input.scalar_type());
  const auto in = input.to(type).contiguous(at::MemoryFormat::ChannelsLast);
  const auto boxes = rois.to(type).contiguous();
  const auto format = input.suggest_memory_format();
  const std::vector<int64_t> size{rois.size(0), s.channels, pooled_height, pooled_width};
  auto out = at::empty(size, in.options().memory_format(format));
  auto argmax = at::empty(size, in.options().dtype(at::kInt).memory_format(format));
  const auto run = [&]<typename T>(T scale) {
    check_batch_indices("roi_pool", boxes.const_data_ptr<T>(), boxes.size(0), s.batch);
    if (in.numel() == 0) out.zero_(), argmax.fill_(-1);
    if (out.numel() == 0 || in.numel() == 0) return;
    forward(out.mutable_data_ptr<T>(), argmax.mutable_data_ptr<int32_t>(), in.const_data_ptr<T>(),
            boxes.const_data_ptr<T>(), boxes.size(0), s, scale,
            format == at::MemoryFormat::ChannelsLast);
  };
  type == at::kDouble ? run(spatial_scale) : run(static_cast<float>(spatial_scale));
  return {out.to(input.scalar_type()), argmax};
}

// Each thread owns channels, whose planes no other writes: deterministic, no atomics.
at::Tensor roi_pool_backward_cpu(const at::Tensor& grad, const at::Tensor& rois,
                                 const at::Tensor& argmax, int64_t batch, int64_t channels,
                                 int64_t height, int64_t width) {
  check_roi_pool_backward(grad, rois, argmax, batch, channels, height, width);
  const auto type = compute_type(grad.scalar_type());
  const auto out = grad.to(type).contiguous(), boxes = rois.to(type).contiguous();
  const auto where = argmax.contiguous();
  auto in = at::zeros({batch, channels, height, width}, out.options());
  const int64_t bins = grad.size(2) * grad.size(3), plane = height * width;
  const auto run = [&]<typename T>(T) {
    const T* roi = boxes.const_data_ptr<T>();
    check_batch_indices("roi_pool backward", roi, rois.size(0), batch);
    const auto* cells = where.const_data_ptr<int32_t>();
    for (int64_t i = 0; i < where.numel(); ++i)
      TORCH_CHECK(cells[i] >= -1 && cells[i] < plane, "roi_pool backward: argmax: expected -1 to ",
                  plane - 1, ", got ", cells[i]);
    const T* grads = out.const_data_ptr<T>();
    T* planes = in.mutable_data_ptr<T>();
    at::parallel_for(0, channels, 16, [&](int64_t begin, int64_t end) {
      for (int64_t k = 0; k < rois.size(0); ++k)
        for (int64_t c = begin; c < end; ++c) {
          const int64_t first = (k * channels + c) * bins;
          T* own = planes + (static_cast<int64_t>(roi[k * 5]) * channels + c) * plane;
          for (int64_t bin = first; bin < first + bins; ++bin)
            if (cells[bin] >= 0) own[cells[bin]] += grads[bin];
        }
    });
  };
  type == at::kDouble ? run(0.0) : run(0.0f);
  return in.to(grad.scalar_type()).contiguous(grad.suggest_memory_format());
}

TORCH_LIBRARY_IMPL(lanner, CPU, m) {
  m.impl("roi_pool", roi_pool_cpu);
  m.impl("_roi_pool_backward", roi_pool_backward_cpu);
}

}  // namespace
}  // namespace lanner::ops
