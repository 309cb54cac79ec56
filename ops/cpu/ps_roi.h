#pragma once

#include "lanner/ops/checks.h"
#include "lanner/ops/cpu/pooling.h"
#include "lanner/ops/ps_roi_bins.h"

namespace lanner::ops {

// Each bin of a position-sensitive operator has its own group of input planes.
inline PoolShape ps_shape(int64_t rois, int64_t batch, int64_t channels, int64_t height,
                          int64_t width, int64_t bins) {
  return {{batch, channels / bins, height, width, bins}, rois, bins, [](int64_t b) { return b; }};
}

template <typename Sampling>
at::Tensor ps_pooled(const char* op, const Sampling& sampling, const at::Tensor& input,
                     const at::Tensor& rois) {
  return pooled(op,
                ps_shape(rois.size(0), input.size(0), input.size(1), input.size(2), input.size(3),
                         sampling.pooled_height * sampling.pooled_width),
                sampling, input, rois, sampling.pooled_height, sampling.pooled_width);
}

template <typename Sampling>
at::Tensor ps_pooled_backward(const char* op, const Sampling& sampling, const at::Tensor& grad,
                              const at::Tensor& rois, int64_t batch, int64_t channels) {
  return pooled_backward(op,
                         ps_shape(rois.size(0), batch, channels, sampling.height, sampling.width,
                                  sampling.pooled_height * sampling.pooled_width),
                         sampling, grad, rois);
}

}  // namespace lanner::ops
