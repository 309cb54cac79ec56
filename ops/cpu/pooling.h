#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <vector>

#include "lanner/ops/cpu/cells.h"
#include "lanner/ops/cpu/rois.h"
#include "lanner/ops/cpu/taps.h"

namespace lanner::ops {

// What the RoI operators share on a CPU whose bins are weighted sums of cells: they differ in their
// taps alone.

struct PoolShape {
  MapShape map;
  int64_t rois;
  std::vector<std::vector<int64_t>> bins_of_group;  // of each group of input planes
  int64_t bins;

  // group_of(bin) is below map.groups.
  template <typename GroupOf>
  PoolShape(const MapShape& map_, int64_t rois_, int64_t bins_, GroupOf group_of)
      : map(map_), rois(rois_), bins_of_group(map_.groups), bins(bins_) {
    for (int64_t bin = 0; bin < bins; ++bin) bins_of_group[group_of(bin)].push_back(bin);
  }

  int64_t output() const { return map.channels * bins; }  // of one RoI
};

// Small work is not worth waking threads for.
inline int64_t grain(const PoolShape& s, int64_t tasks) {
  return s.rois * s.output() < 1 << 15 ? std::max<int64_t>(tasks, 1) : 1;
}

// input: contiguous; output: [K, C, bins], or [K, bins, C] where channels_last.
template <typename T>
void pool_forward(const PoolShape& s, const TapTable<T>& table,
                  const std::vector<std::vector<int64_t>>& rois, const T* input, T* output,
                  bool channels_last) {
  const auto& kernel = kernels<T>();
  const int64_t bins = s.bins, channels = s.map.channels;
  const auto all = slices(s.map, kernel.lanes);
  // More threads than slices: each slice is read by several, which share its RoIs.
  const int64_t parts = std::max<int64_t>(
      1, at::get_num_threads() / std::max<int64_t>(static_cast<int64_t>(all.size()), 1));
  const int64_t tasks = static_cast<int64_t>(all.size()) * parts;
  const int64_t padded = round_up(channels, kernel.lanes);
  // A group's bins are some of a RoI's: they are gathered from all groups before they are turned.
  const auto sums = s.map.groups == 1
                        ? at::Tensor()
                        : fresh({s.rois, bins, padded}, c10::CppTypeToScalarType<T>::value);
  T* sum = sums.defined() ? sums.template mutable_data_ptr<T>() : nullptr;
  at::parallel_for(0, tasks, grain(s, tasks), [&](int64_t begin, int64_t end) {
    const auto room = cell_room<T>(s.map);
    std::vector<T> own(s.map.groups == 1 ? bins * 4 * kernel.lanes : 0);
    for (int64_t task = begin; task < end; ++task) {
      const auto& slice = all[task / parts];
      const auto& of_image = rois[slice.image];
      const auto count = static_cast<int64_t>(of_image.size());
      if (count == 0) continue;
      const auto cells = read_cells(input, s.map, slice, table.rows(of_image),
                                    room.template mutable_data_ptr<T>());
      const auto& group_bins = s.bins_of_group[slice.group];
      for (int64_t i = task % parts * count / parts; i < (task % parts + 1) * count / parts; ++i) {
        const int64_t k = of_image[i];
        if (s.map.groups == 1) {
          kernel.gather(cells, table.taps(k), table.bins(k), bins, slice.width, own.data(),
                        slice.width);
          write_bins(own.data(), slice.width, bins, slice.channels, channels_last,
                     output + k * s.output() + slice.first * (channels_last ? 1 : bins), channels,
                     bins);
        } else {
          for (const int64_t b : group_bins)
            kernel.gather(cells, table.taps(k), table.bins(k) + b, 1, slice.width,
                          sum + (k * bins + b) * padded + slice.first, padded);
        }
      }
    }
  });
  if (s.map.groups > 1)
    at::parallel_for(0, s.rois, 64, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k)
        write_bins(sum + k * bins * padded, padded, bins, channels, channels_last,
                   output + k * s.output(), channels, bins);
    });
}

// The width of pool_backward's slices: less than 4 where there would be fewer slices than threads.
template <typename T>
int64_t backward_vectors(const PoolShape& s) {
  const auto slices_of = [&](int64_t vectors) {
    return s.map.batch * s.map.groups * ((s.map.channels - 1) / (vectors * kernels<T>().lanes) + 1);
  };
  int64_t vectors = 4;
  while (vectors > 1 && slices_of(vectors) < at::get_num_threads()) vectors /= 2;
  return vectors;
}

// Sees the gradients that pool_backward reads; one object a thread.
struct SeesNothing {
  void begin(const Slice&) {}
  template <typename T>
  void operator()(int64_t, int64_t, const T*) {}
};

// The reverse: grad is laid out as the output was; grad_input: contiguous zeros. Each thread owns
// slices and takes their RoIs in order: deterministic, without atomics. make_witness() gives an
// object of which begin(slice) is called for each slice, and then (k, bin, gradients of its
// channels) for each RoI and bin.
template <typename T, typename MakeWitness>
void pool_backward(const PoolShape& s, const TapTable<T>& table,
                   const std::vector<std::vector<int64_t>>& rois, const T* grad, T* grad_input,
                   bool channels_last, MakeWitness make_witness) {
  const auto& kernel = kernels<T>();
  const int64_t bins = s.bins, channels = s.map.channels;
  const int64_t vectors = backward_vectors<T>(s);
  const auto all = slices(s.map, kernel.lanes, vectors);
  const auto tasks = static_cast<int64_t>(all.size());
  const int64_t padded = round_up(channels, kernel.lanes);
  const auto sums = s.map.groups == 1
                        ? at::Tensor()
                        : fresh({s.rois, bins, padded}, c10::CppTypeToScalarType<T>::value);
  T* sum = sums.defined() ? sums.template mutable_data_ptr<T>() : nullptr;
  if (s.map.groups > 1)
    at::parallel_for(0, s.rois, 64, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k)
        read_bins(grad + k * s.output(), bins, channels, channels_last, channels,
                  sum + k * bins * padded, padded);
    });
  at::parallel_for(0, tasks, grain(s, tasks), [&](int64_t begin, int64_t end) {
    const auto room = cell_room<T>(s.map, vectors);
    std::vector<T> own(s.map.groups == 1 ? bins * vectors * kernel.lanes : 0);
    auto witness = make_witness();
    for (int64_t task = begin; task < end; ++task) {
      const auto& slice = all[task];
      witness.begin(slice);
      const Rows rows = table.rows(rois[slice.image]);
      T* data = room.template mutable_data_ptr<T>();
      const Cells<T> cells{data, s.map.width * slice.width, slice.width};
      std::fill(data + rows.begin * cells.row_stride, data + rows.end * cells.row_stride, T(0));
      const auto& group_bins = s.bins_of_group[slice.group];
      const auto& own_rois = rois[slice.image];
      const auto own_grad = [&](int64_t k) {
        return grad + k * s.output() + slice.first * (channels_last ? 1 : bins);
      };
      for (size_t i = 0; i < own_rois.size(); ++i) {
        const int64_t k = own_rois[i];
        if (s.map.groups == 1) {
          if (i + 1 < own_rois.size() && !channels_last)  // the next one's, while this is added
            for (int64_t n = 0; n < slice.channels * bins; n += 64 / int64_t{sizeof(T)})
              __builtin_prefetch(own_grad(own_rois[i + 1]) + n);
          read_bins(own_grad(k), bins, slice.channels, channels_last, channels, own.data(),
                    slice.width);
          kernel.scatter(cells, table.taps(k), table.bins(k), bins, slice.width, own.data(),
                         slice.width);
          for (int64_t b = 0; b < bins; ++b) witness(k, b, own.data() + b * slice.width);
        } else {
          for (const int64_t b : group_bins) {
            const T* own_bin = sum + (k * bins + b) * padded + slice.first;
            kernel.scatter(cells, table.taps(k), table.bins(k) + b, 1, slice.width, own_bin,
                           padded);
            witness(k, b, own_bin);
          }
        }
      }
      write_cells(data, s.map, slice, rows, grad_input);
    }
  });
}

// The two on tensors. rule(roi, k, list) gives the taps of RoI k for T = float or double, in units
// of feature cells.
template <typename Rule>
at::Tensor pooled(const char* op, const PoolShape& s, const Rule& rule, const at::Tensor& input,
                  const at::Tensor& rois, int64_t pooled_height, int64_t pooled_width) {
  const auto type = compute_type(input.scalar_type());
  const auto format = input.suggest_memory_format();
  const auto in = input.to(type).contiguous(), boxes = rois.to(type).contiguous();
  auto out = fresh({s.rois, s.map.channels, pooled_height, pooled_width}, in.options(), format);
  const auto run = [&]<typename T>(T) {
    check_batch_indices(op, boxes.const_data_ptr<T>(), s.rois, s.map.batch);
    if (in.numel() == 0) out.zero_();
    if (out.numel() == 0 || in.numel() == 0) return;
    const auto by_image = rois_by_image(boxes.const_data_ptr<T>(), s.rois, s.map.batch);
    const TapTable<T> table(rule, boxes.const_data_ptr<T>(), s.rois, s.bins);
    pool_forward(s, table, by_image, in.const_data_ptr<T>(), out.mutable_data_ptr<T>(),
                 format == at::MemoryFormat::ChannelsLast);
  };
  type == at::kDouble ? run(0.0) : run(0.0f);
  return out.to(input.scalar_type());
}

template <typename Rule>
at::Tensor pooled_backward(const char* op, const PoolShape& s, const Rule& rule,
                           const at::Tensor& grad, const at::Tensor& rois) {
  const auto type = compute_type(grad.scalar_type());
  const auto format = grad.suggest_memory_format();
  const auto out = grad.to(type).contiguous(format), boxes = rois.to(type).contiguous();
  auto in =
      fresh({s.map.batch, s.map.channels * s.map.groups, s.map.height, s.map.width}, out.options())
          .zero_();
  const auto run = [&]<typename T>(T) {
    check_batch_indices(op, boxes.const_data_ptr<T>(), s.rois, s.map.batch);
    if (out.numel() == 0 || in.numel() == 0) return;
    const auto by_image = rois_by_image(boxes.const_data_ptr<T>(), s.rois, s.map.batch);
    const TapTable<T> table(rule, boxes.const_data_ptr<T>(), s.rois, s.bins);
    pool_backward(s, table, by_image, out.const_data_ptr<T>(), in.mutable_data_ptr<T>(),
                  format == at::MemoryFormat::ChannelsLast, [] { return SeesNothing(); });
  };
  type == at::kDouble ? run(0.0) : run(0.0f);
  return in.to(grad.scalar_type()).contiguous(format);
}

}  // namespace lanner::ops
