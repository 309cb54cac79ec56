#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include "lanner/ops/checks.h"
#include "lanner/ops/cpu/rois.h"
#include "lanner/ops/cpu/vectors.h"
#include "lanner/ops/ps_roi_cells.h"

namespace lanner::ops {

// The CPU side of the position-sensitive operators, for any rule of ps_roi_cells.h. The work is
// done on [N, bins, H, W, C]: a bin reads its own planes alone, and a cell of them is a vector of C
// numbers.

inline at::Tensor to_bins(const at::Tensor& input, const PsShape& s, at::ScalarType type) {
  return input.to(type)
      .reshape({s.batch, s.channels, s.bins(), s.height, s.width})
      .permute({0, 2, 3, 4, 1})
      .contiguous();
}

template <typename Rule>
at::Tensor ps_roi_forward(const char* op, const Rule& rule, const at::Tensor& input,
                          const at::Tensor& rois, double spatial_scale, int64_t pooled_height,
                          int64_t pooled_width) {
  check_ps_rois(op, input, rois, spatial_scale, pooled_height, pooled_width);
  const PsShape s{input.size(0), input.size(1) / (pooled_height * pooled_width),
                  input.size(2), input.size(3),
                  pooled_height, pooled_width};
  const auto type = compute_type(input.scalar_type());
  const auto in = to_bins(input, s, type), boxes = rois.to(type).contiguous();
  auto out = at::zeros({rois.size(0), s.bins(), s.channels}, in.options());
  const auto run = [&]<typename T>(T scale) {
    const auto* roi = boxes.const_data_ptr<T>();
    check_batch_indices(op, roi, rois.size(0), s.batch);
    if (out.numel() == 0 || in.numel() == 0) return;
    const auto* planes = in.const_data_ptr<T>();
    auto* sums = out.mutable_data_ptr<T>();
    at::parallel_for(0, rois.size(0), 4, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k)
        for (int64_t bin = 0; bin < s.bins(); ++bin) {
          const auto image = static_cast<int64_t>(roi[k * 5]);
          const T* plane = planes + (image * s.bins() + bin) * s.height * s.width * s.channels;
          T* sum = sums + (k * s.bins() + bin) * s.channels;
          rule(roi + k * 5, scale, s, bin / s.pooled_width, bin % s.pooled_width,
               [&](int64_t cell, T weight) {
                 add_scaled(sum, plane + cell * s.channels, weight, s.channels);
               });
        }
    });
  };
  type == at::kDouble ? run(spatial_scale) : run(static_cast<float>(spatial_scale));
  return out.permute({0, 2, 1})
      .reshape({rois.size(0), s.channels, pooled_height, pooled_width})
      .to(input.scalar_type())
      .contiguous(input.suggest_memory_format());
}

// Each thread owns bins, whose planes no other bin writes: deterministic, no atomics.
template <typename Rule>
at::Tensor ps_roi_backward(const char* op, const Rule& rule, const at::Tensor& grad,
                           const at::Tensor& rois, double spatial_scale, int64_t pooled_height,
                           int64_t pooled_width, int64_t batch, int64_t channels, int64_t height,
                           int64_t width) {
  check_pooling(op, spatial_scale, pooled_height, pooled_width);
  const PsShape s{
      batch, channels / (pooled_height * pooled_width), height, width, pooled_height, pooled_width};
  check_rois_backward(op, grad, rois, pooled_height, pooled_width, batch, s.channels, height,
                      width);
  const auto type = compute_type(grad.scalar_type());
  const auto out = grad.to(type).flatten(2).permute({0, 2, 1}).contiguous();  // [K, bins, C]
  const auto boxes = rois.to(type).contiguous();
  auto in = at::zeros({batch, s.bins(), height, width, s.channels}, out.options());
  const auto run = [&]<typename T>(T scale) {
    const auto* roi = boxes.const_data_ptr<T>();
    check_batch_indices(op, roi, rois.size(0), s.batch);
    if (out.numel() == 0 || in.numel() == 0) return;
    const auto* grads = out.const_data_ptr<T>();
    auto* planes = in.mutable_data_ptr<T>();
    at::parallel_for(0, s.bins(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t bin = begin; bin < end; ++bin)
        for (int64_t k = 0; k < rois.size(0); ++k) {
          const auto image = static_cast<int64_t>(roi[k * 5]);
          T* plane = planes + (image * s.bins() + bin) * s.height * s.width * s.channels;
          const T* own = grads + (k * s.bins() + bin) * s.channels;
          rule(roi + k * 5, scale, s, bin / s.pooled_width, bin % s.pooled_width,
               [&](int64_t cell, T weight) {
                 add_scaled(plane + cell * s.channels, own, weight, s.channels);
               });
        }
    });
  };
  type == at::kDouble ? run(spatial_scale) : run(static_cast<float>(spatial_scale));
  return in.permute({0, 4, 1, 2, 3})
      .reshape({batch, channels, height, width})
      .to(grad.scalar_type())
      .contiguous(grad.suggest_memory_format());
}

}  // namespace lanner::ops
