#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <torch/library.h>

#include <algorithm>

#include "lanner/ops/checks.h"
#include "lanner/ops/cpu/cells.h"
#include "lanner/ops/cpu/rois.h"
#include "lanner/ops/roi_pool_cells.h"

namespace lanner::ops {
namespace {

struct Shape {
  MapShape map;
  int64_t pooled_height, pooled_width;

  int64_t bins() const { return pooled_height * pooled_width; }
};

template <typename T>
void find_bins(const T* roi, const Shape& s, T spatial_scale, std::vector<BinCells>& bins) {
  bins.resize(s.bins());
  for (int64_t i = 0; i < s.pooled_height; ++i) {
    const auto y = roi_pool_cells(roi[2], roi[4], spatial_scale, s.pooled_height, i, s.map.height);
    for (int64_t j = 0; j < s.pooled_width; ++j) {
      const auto x = roi_pool_cells(roi[1], roi[3], spatial_scale, s.pooled_width, j, s.map.width);
      bins[i * s.pooled_width + j] = {static_cast<int32_t>(x.begin), static_cast<int32_t>(x.end),
                                      static_cast<int32_t>(y.begin), static_cast<int32_t>(y.end)};
    }
  }
}

template <typename T>
void turn(const std::vector<T>& from, const Slice& slice, const Shape& s, int64_t k,
          bool channels_last, T* to) {
  write_bins(from.data(), slice.width, s.bins(), slice.channels, channels_last,
             to + k * s.map.channels * s.bins() + slice.first * (channels_last ? 1 : s.bins()),
             s.map.channels, s.bins());
}

// input: contiguous. out, argmax: [K, C, bins], or [K, bins, C] where `channels_last`.
template <typename T>
void forward(T* out, int32_t* argmax, const T* input, const T* rois,
             const std::vector<std::vector<int64_t>>& by_image, const Shape& s, T spatial_scale,
             bool channels_last) {
  const auto& kernel = kernels<T>();
  const auto all = slices(s.map, kernel.lanes);
  const int64_t parts = std::max<int64_t>(
      1, at::get_num_threads() / std::max<int64_t>(static_cast<int64_t>(all.size()), 1));
  const int64_t tasks = static_cast<int64_t>(all.size()) * parts;
  at::parallel_for(0, tasks, 1, [&](int64_t begin, int64_t end) {
    const auto room = cell_room<T>(s.map);
    std::vector<BinCells> bins;
    for (int64_t task = begin; task < end; ++task) {
      const auto& slice = all[task / parts];
      const auto& of_image = by_image[slice.image];
      const auto count = static_cast<int64_t>(of_image.size());
      if (count == 0) continue;
      const auto cells = read_cells(input, s.map, slice, Rows{0, s.map.height},
                                    room.template mutable_data_ptr<T>());
      std::vector<T> best(s.bins() * slice.width);
      std::vector<int32_t> where(s.bins() * slice.width);
      for (int64_t i = task % parts * count / parts; i < (task % parts + 1) * count / parts; ++i) {
        const int64_t k = of_image[i];
        find_bins(rois + k * 5, s, spatial_scale, bins);
        kernel.greatest(cells, bins.data(), s.bins(), s.map.width, slice.width, roi_pool_least<T>(),
                        best.data(), where.data(), slice.width);
        turn(best, slice, s, k, channels_last, out);
        turn(where, slice, s, k, channels_last, argmax);
      }
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
  const Shape s{
      {input.size(0), input.size(1), input.size(2), input.size(3)}, pooled_height, pooled_width};
  const auto type = compute_type(input.scalar_type());
  const auto in = input.to(type).contiguous(), boxes = rois.to(type).contiguous();
  const auto format = input.suggest_memory_format();
  const std::vector<int64_t> size{rois.size(0), s.map.channels, pooled_height, pooled_width};
  auto out = fresh(size, in.options(), format);
  auto argmax = fresh(size, in.options().dtype(at::kInt), format);
  const auto run = [&]<typename T>(T scale) {
    check_batch_indices("roi_pool", boxes.const_data_ptr<T>(), boxes.size(0), s.map.batch);
    if (in.numel() == 0) out.zero_(), argmax.fill_(-1);
    if (out.numel() == 0 || in.numel() == 0) return;
    const auto by_image = rois_by_image(boxes.const_data_ptr<T>(), boxes.size(0), s.map.batch);
    forward(out.mutable_data_ptr<T>(), argmax.mutable_data_ptr<int32_t>(), in.const_data_ptr<T>(),
            boxes.const_data_ptr<T>(), by_image, s, scale,
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
  auto in = fresh({batch, channels, height, width}, out.options()).zero_();
  const int64_t bins = grad.size(2) * grad.size(3), plane = height * width;
  const auto run = [&]<typename T>(T) {
    const T* roi = boxes.const_data_ptr<T>();
    check_batch_indices("roi_pool backward", roi, rois.size(0), batch);
    const auto* cells = where.const_data_ptr<int32_t>();
    const T* grads = out.const_data_ptr<T>();
    T* planes = in.mutable_data_ptr<T>();
    at::parallel_for(0, channels, 16, [&](int64_t begin, int64_t end) {
      for (int64_t k = 0; k < rois.size(0); ++k) {
        const int64_t image = static_cast<int64_t>(roi[k * 5]);
        for (int64_t c = begin; c < end; ++c) {
          const int64_t first = (k * channels + c) * bins;
          T* own = planes + (image * channels + c) * plane;
          for (int64_t bin = first; bin < first + bins; ++bin) {
            const int32_t cell = cells[bin];
            TORCH_CHECK(cell >= -1 && cell < plane, "roi_pool backward: argmax: expected -1 to ",
                        plane - 1, ", got ", cell);
            if (cell >= 0) own[cell] += grads[bin];
          }
        }
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
