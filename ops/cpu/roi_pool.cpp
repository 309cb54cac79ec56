#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <torch/library.h>

#include <algorithm>

#include "lanner/ops/checks.h"
#include "lanner/ops/cpu/nhwc_view.h"
#include "lanner/ops/cpu/rois.h"
#include "lanner/ops/roi_pool_range.h"

namespace lanner::ops {
namespace {

struct Shape {
  MapShape map;
  int64_t pooled_height, pooled_width;

  int64_t bins() const { return pooled_height * pooled_width; }
};

template <typename T>
void find_bins(const T* roi, const Shape& s, T spatial_scale, std::vector<BinRange>& bins) {
  bins.resize(s.bins());
  for (int64_t i = 0; i < s.pooled_height; ++i) {
    const auto y = roi_pool_range(roi[2], roi[4], spatial_scale, s.pooled_height, i, s.map.height);
    for (int64_t j = 0; j < s.pooled_width; ++j) {
      const auto x = roi_pool_range(roi[1], roi[3], spatial_scale, s.pooled_width, j, s.map.width);
      bins[i * s.pooled_width + j] = {static_cast<int32_t>(x.begin), static_cast<int32_t>(x.end),
                                      static_cast<int32_t>(y.begin), static_cast<int32_t>(y.end)};
    }
  }
}

template <typename T>
void write_bins(const std::vector<T>& values, const Slice& slice, const Shape& s, int64_t k,
                bool channels_last, T* output) {
  write_output(
      values.data(), slice.width, s.bins(), slice.channels, channels_last,
      output + k * s.map.channels * s.bins() + slice.first * (channels_last ? 1 : s.bins()),
      s.map.channels, s.bins());
}

// input: contiguous. out, argmax: [K, C, bins], or [K, bins, C] if channels_last.
template <typename T>
void forward(T* out, int32_t* argmax, const T* input, const T* rois,
             const std::vector<std::vector<int64_t>>& by_image, const Shape& s, T spatial_scale,
             bool channels_last) {
  const auto& kernel = kernels<T>();
  const auto channel_slices = slices(s.map, kernel.lanes);
  const int64_t splits = std::max<int64_t>(
      1, at::get_num_threads() / std::max<int64_t>(static_cast<int64_t>(channel_slices.size()), 1));
  const int64_t tasks = static_cast<int64_t>(channel_slices.size()) * splits;
  at::parallel_for(0, tasks, 1, [&](int64_t begin, int64_t end) {
    const auto buffer = nhwc_buffer<T>(s.map);
    std::vector<BinRange> bins;
    for (int64_t task = begin; task < end; ++task) {
      const auto& slice = channel_slices[task / splits];
      const auto& image_rois = by_image[slice.image];
      const auto count = static_cast<int64_t>(image_rois.size());
      if (count == 0) continue;
      const auto view = read_nhwc(input, s.map, slice, Rows{0, s.map.height},
                                  buffer.template mutable_data_ptr<T>());
      std::vector<T> max_values(s.bins() * slice.width);
      std::vector<int32_t> max_positions(s.bins() * slice.width);
      for (int64_t i = task % splits * count / splits; i < (task % splits + 1) * count / splits;
           ++i) {
        const int64_t k = image_rois[i];
        find_bins(rois + k * 5, s, spatial_scale, bins);
        kernel.max_pool(view, bins.data(), s.bins(), s.map.width, slice.width,
                        roi_pool_floor_value<T>(), max_values.data(), max_positions.data(),
                        slice.width);
        write_bins(max_values, slice, s, k, channels_last, out);
        write_bins(max_positions, slice, s, k, channels_last, argmax);
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
              INT32_MAX, " pixels per channel, got ", input.size(2), " x ", input.size(3));
  const Shape s{
      {input.size(0), input.size(1), input.size(2), input.size(3)}, pooled_height, pooled_width};
  const auto type = compute_type(input.scalar_type());
  const auto in = input.to(type).contiguous(), boxes = rois.to(type).contiguous();
  const auto format = input.suggest_memory_format();
  const std::vector<int64_t> size{rois.size(0), s.map.channels, pooled_height, pooled_width};
  auto out = empty_cached(size, in.options(), format);
  auto argmax = empty_cached(size, in.options().dtype(at::kInt), format);
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

// Each thread writes the planes of its own channels, which is deterministic without atomics.
at::Tensor roi_pool_backward_cpu(const at::Tensor& grad, const at::Tensor& rois,
                                 const at::Tensor& argmax, int64_t batch, int64_t channels,
                                 int64_t height, int64_t width) {
  check_roi_pool_backward(grad, rois, argmax, batch, channels, height, width);
  const auto type = compute_type(grad.scalar_type());
  const auto grad_output = grad.to(type).contiguous(), boxes = rois.to(type).contiguous();
  const auto argmax_contiguous = argmax.contiguous();
  auto grad_input = empty_cached({batch, channels, height, width}, grad_output.options()).zero_();
  const int64_t bins = grad.size(2) * grad.size(3), plane = height * width;
  const auto run = [&]<typename T>(T) {
    const T* roi = boxes.const_data_ptr<T>();
    check_batch_indices("roi_pool backward", roi, rois.size(0), batch);
    const auto* positions = argmax_contiguous.const_data_ptr<int32_t>();
    const T* grads = grad_output.const_data_ptr<T>();
    T* planes = grad_input.mutable_data_ptr<T>();
    at::parallel_for(0, channels, 16, [&](int64_t begin, int64_t end) {
      for (int64_t k = 0; k < rois.size(0); ++k) {
        const int64_t image = static_cast<int64_t>(roi[k * 5]);
        for (int64_t c = begin; c < end; ++c) {
          const int64_t first = (k * channels + c) * bins;
          T* grad_plane = planes + (image * channels + c) * plane;
          for (int64_t bin = first; bin < first + bins; ++bin) {
            const int32_t position = positions[bin];
            TORCH_CHECK(position >= -1 && position < plane,
                        "roi_pool backward: argmax: expected -1 to ", plane - 1, ", got ",
                        position);
            if (position >= 0) grad_plane[position] += grads[bin];
          }
        }
      }
    });
  };
  type == at::kDouble ? run(0.0) : run(0.0f);
  return grad_input.to(grad.scalar_type()).contiguous(grad.suggest_memory_format());
}

TORCH_LIBRARY_IMPL(lanner, CPU, m) {
  m.impl("roi_pool", roi_pool_cpu);
  m.impl("_roi_pool_backward", roi_pool_backward_cpu);
}

}  // namespace
}  // namespace lanner::ops
