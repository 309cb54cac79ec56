#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <vector>

#include "lanner/ops/cpu/nhwc_view.h"
#include "lanner/ops/cpu/pooling_weights.h"
#include "lanner/ops/cpu/rois.h"

namespace lanner::ops {

// The CPU implementation shared by the RoI operators whose bins are weighted sums of pixels. Each
// operator only provides the weights.

struct PoolShape {
  MapShape map;
  int64_t rois;
  // The bins that read each group of input planes.
  std::vector<std::vector<int64_t>> bins_of_group;
  int64_t bins;

  // group_of(bin) is below map.groups.
  template <typename GroupOf>
  PoolShape(const MapShape& map_, int64_t rois_, int64_t bins_, GroupOf group_of)
      : map(map_), rois(rois_), bins_of_group(map_.groups), bins(bins_) {
    for (int64_t bin = 0; bin < bins; ++bin) bins_of_group[group_of(bin)].push_back(bin);
  }

  // Number of output elements per RoI.
  int64_t output() const { return map.channels * bins; }
};

// Small workloads run on one thread.
inline int64_t grain_size(const PoolShape& s, int64_t tasks) {
  return s.rois * s.output() < 1 << 15 ? std::max<int64_t>(tasks, 1) : 1;
}

// Whether pool_forward reads NHWC maps in place: its slices have no channels of padding.
template <typename T>
bool reads_in_place(const MapShape& map) {
  return map.groups == 1 && map.channels % kernels<T>().lanes == 0;
}

// input: contiguous, or NHWC if input_nhwc. output: [K, C, bins], or [K, bins, C] if channels_last.
// rois: the RoIs of each image.
template <typename T>
void pool_forward(const PoolShape& s, const PoolingWeights<T>& weights,
                  const std::vector<std::vector<int64_t>>& rois, const T* input, bool input_nhwc,
                  T* output, bool channels_last) {
  const auto& kernel = kernels<T>();
  const int64_t bins = s.bins, channels = s.map.channels;
  const auto channel_slices = slices(s.map, kernel.lanes);
  // With more threads than slices, several threads read each slice and share its RoIs.
  const int64_t splits = std::max<int64_t>(
      1, at::get_num_threads() / std::max<int64_t>(static_cast<int64_t>(channel_slices.size()), 1));
  const int64_t tasks = static_cast<int64_t>(channel_slices.size()) * splits;
  const int64_t padded = round_up(channels, kernel.lanes);
  // A group holds only some bins of a RoI, so the bins of all groups are gathered before they are
  // written to the output.
  const auto sums = s.map.groups == 1
                        ? at::Tensor()
                        : empty_cached({s.rois, bins, padded}, c10::CppTypeToScalarType<T>::value);
  T* sum = sums.defined() ? sums.template mutable_data_ptr<T>() : nullptr;
  at::parallel_for(0, tasks, grain_size(s, tasks), [&](int64_t begin, int64_t end) {
    const auto buffer = input_nhwc ? at::Tensor() : nhwc_buffer<T>(s.map);
    std::vector<T> bin_sums(s.map.groups == 1 ? bins * 4 * kernel.lanes : 0);
    for (int64_t task = begin; task < end; ++task) {
      const auto& slice = channel_slices[task / splits];
      const auto& image_rois = rois[slice.image];
      const auto count = static_cast<int64_t>(image_rois.size());
      if (count == 0) continue;
      const auto view =
          input_nhwc
              ? NhwcView<const T>{input + slice.image * s.map.pixels() * channels + slice.first,
                                  s.map.width * channels, channels}
              : read_nhwc(input, s.map, slice, weights.rows(image_rois),
                          buffer.template mutable_data_ptr<T>());
      const auto& group_bins = s.bins_of_group[slice.group];
      for (int64_t i = task % splits * count / splits; i < (task % splits + 1) * count / splits;
           ++i) {
        const int64_t k = image_rois[i];
        if (s.map.groups == 1) {
          kernel.gather(view, weights.axis_weights(k), weights.bins(k), bins, slice.width,
                        bin_sums.data(), slice.width);
          write_output(bin_sums.data(), slice.width, bins, slice.channels, channels_last,
                       output + k * s.output() + slice.first * (channels_last ? 1 : bins), channels,
                       bins);
        } else {
          for (const int64_t b : group_bins)
            kernel.gather(view, weights.axis_weights(k), weights.bins(k) + b, 1, slice.width,
                          sum + (k * bins + b) * padded + slice.first, padded);
        }
      }
    }
  });
  if (s.map.groups > 1)
    at::parallel_for(0, s.rois, 64, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k)
        write_output(sum + k * bins * padded, padded, bins, channels, channels_last,
                     output + k * s.output(), channels, bins);
    });
}

// The width of pool_backward's slices in vectors: 4, or less if there would be fewer slices than
// threads.
template <typename T>
int64_t backward_vectors(const PoolShape& s) {
  const auto count_slices = [&](int64_t vectors) {
    return s.map.batch * s.map.groups * ((s.map.channels - 1) / (vectors * kernels<T>().lanes) + 1);
  };
  int64_t vectors = 4;
  while (vectors > 1 && count_slices(vectors) < at::get_num_threads()) vectors /= 2;
  return vectors;
}

// Receives the gradients that pool_backward reads, one object per thread. This one ignores them.
struct NoGradObserver {
  void begin(const Slice&) {}
  template <typename T>
  void operator()(int64_t, int64_t, const T*) {}
};

// The gradient of pool_forward. grad has the layout of the output; grad_input: contiguous zeros.
// Each thread processes its own slices and their RoIs in order, which is deterministic without
// atomics. make_observer() returns an object whose begin(slice) is called for each slice, followed
// by a call (k, bin, gradients of the channels of the slice) for each RoI and bin.
template <typename T, typename MakeGradObserver>
void pool_backward(const PoolShape& s, const PoolingWeights<T>& weights,
                   const std::vector<std::vector<int64_t>>& rois, const T* grad, T* grad_input,
                   bool channels_last, MakeGradObserver make_observer) {
  const auto& kernel = kernels<T>();
  const int64_t bins = s.bins, channels = s.map.channels;
  const int64_t vectors = backward_vectors<T>(s);
  const auto channel_slices = slices(s.map, kernel.lanes, vectors);
  const auto tasks = static_cast<int64_t>(channel_slices.size());
  const int64_t padded = round_up(channels, kernel.lanes);
  const auto sums = s.map.groups == 1
                        ? at::Tensor()
                        : empty_cached({s.rois, bins, padded}, c10::CppTypeToScalarType<T>::value);
  T* sum = sums.defined() ? sums.template mutable_data_ptr<T>() : nullptr;
  if (s.map.groups > 1)
    at::parallel_for(0, s.rois, 64, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k)
        read_output_grad(grad + k * s.output(), bins, channels, channels_last, channels,
                         sum + k * bins * padded, padded);
    });
  at::parallel_for(0, tasks, grain_size(s, tasks), [&](int64_t begin, int64_t end) {
    const auto buffer = nhwc_buffer<T>(s.map, vectors);
    std::vector<T> bin_grads(s.map.groups == 1 ? bins * vectors * kernel.lanes : 0);
    auto observer = make_observer();
    for (int64_t task = begin; task < end; ++task) {
      const auto& slice = channel_slices[task];
      observer.begin(slice);
      const Rows rows = weights.rows(rois[slice.image]);
      T* data = buffer.template mutable_data_ptr<T>();
      const NhwcView<T> view{data, s.map.width * slice.width, slice.width};
      std::fill(data + rows.begin * view.row_stride, data + rows.end * view.row_stride, T(0));
      const auto& group_bins = s.bins_of_group[slice.group];
      const auto& image_rois = rois[slice.image];
      const auto roi_grad = [&](int64_t k) {
        return grad + k * s.output() + slice.first * (channels_last ? 1 : bins);
      };
      for (size_t i = 0; i < image_rois.size(); ++i) {
        const int64_t k = image_rois[i];
        if (s.map.groups == 1) {
          // Prefetch the gradients of the next RoI while those of this one are added.
          if (i + 1 < image_rois.size() && !channels_last)
            for (int64_t n = 0; n < slice.channels * bins; n += 64 / int64_t{sizeof(T)})
              __builtin_prefetch(roi_grad(image_rois[i + 1]) + n);
          read_output_grad(roi_grad(k), bins, slice.channels, channels_last, channels,
                           bin_grads.data(), slice.width);
          kernel.scatter(view, weights.axis_weights(k), weights.bins(k), bins, slice.width,
                         bin_grads.data(), slice.width);
          for (int64_t b = 0; b < bins; ++b) observer(k, b, bin_grads.data() + b * slice.width);
        } else {
          for (const int64_t b : group_bins) {
            const T* bin_grad = sum + (k * bins + b) * padded + slice.first;
            kernel.scatter(view, weights.axis_weights(k), weights.bins(k) + b, 1, slice.width,
                           bin_grad, padded);
            observer(k, b, bin_grad);
          }
        }
      }
      write_nhwc(data, s.map, slice, rows, grad_input);
    }
  });
}

// Tensor versions of pool_forward and pool_backward. sampling(roi, k, list) adds the weights of RoI
// k, with positions in feature-map pixels, for T = float or double.
template <typename Sampling>
at::Tensor pooled(const char* op, const PoolShape& s, const Sampling& sampling,
                  const at::Tensor& input, const at::Tensor& rois, int64_t pooled_height,
                  int64_t pooled_width) {
  const auto type = compute_type(input.scalar_type());
  const auto format = input.suggest_memory_format();
  const bool nhwc =
      format == at::MemoryFormat::ChannelsLast &&
      (type == at::kDouble ? reads_in_place<double>(s.map) : reads_in_place<float>(s.map));
  const auto in = input.to(type).contiguous(nhwc ? format : at::MemoryFormat::Contiguous),
             boxes = rois.to(type).contiguous();
  auto out =
      empty_cached({s.rois, s.map.channels, pooled_height, pooled_width}, in.options(), format);
  const auto run = [&]<typename T>(T) {
    check_batch_indices(op, boxes.const_data_ptr<T>(), s.rois, s.map.batch);
    if (in.numel() == 0) out.zero_();
    if (out.numel() == 0 || in.numel() == 0) return;
    const auto by_image = rois_by_image(boxes.const_data_ptr<T>(), s.rois, s.map.batch);
    const PoolingWeights<T> weights(sampling, boxes.const_data_ptr<T>(), s.rois, s.bins);
    pool_forward(s, weights, by_image, in.const_data_ptr<T>(), nhwc, out.mutable_data_ptr<T>(),
                 format == at::MemoryFormat::ChannelsLast);
  };
  type == at::kDouble ? run(0.0) : run(0.0f);
  return out.to(input.scalar_type());
}

template <typename Sampling>
at::Tensor pooled_backward(const char* op, const PoolShape& s, const Sampling& sampling,
                           const at::Tensor& grad, const at::Tensor& rois) {
  const auto type = compute_type(grad.scalar_type());
  const auto format = grad.suggest_memory_format();
  const auto grad_output = grad.to(type).contiguous(format), boxes = rois.to(type).contiguous();
  auto grad_input =
      empty_cached({s.map.batch, s.map.channels * s.map.groups, s.map.height, s.map.width},
                   grad_output.options())
          .zero_();
  const auto run = [&]<typename T>(T) {
    check_batch_indices(op, boxes.const_data_ptr<T>(), s.rois, s.map.batch);
    if (grad_output.numel() == 0 || grad_input.numel() == 0) return;
    const auto by_image = rois_by_image(boxes.const_data_ptr<T>(), s.rois, s.map.batch);
    const PoolingWeights<T> weights(sampling, boxes.const_data_ptr<T>(), s.rois, s.bins);
    pool_backward(s, weights, by_image, grad_output.const_data_ptr<T>(),
                  grad_input.mutable_data_ptr<T>(), format == at::MemoryFormat::ChannelsLast,
                  [] { return NoGradObserver(); });
  };
  type == at::kDouble ? run(0.0) : run(0.0f);
  return grad_input.to(grad.scalar_type()).contiguous(format);
}

}  // namespace lanner::ops
