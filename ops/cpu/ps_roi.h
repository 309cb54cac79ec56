#pragma once

#include "lanner/ops/checks.h"
#include "lanner/ops/cpu/pooling.h"
#include "lanner/ops/ps_roi_rules.h"

namespace lanner::ops {

// Each bin of a position-sensitive operator has its own group of input planes.
inline PoolShape ps_shape(int64_t rois, int64_t batch, int64_t channels, int64_t height,
                          int64_t width, int64_t bins) {
  return {{batch, channels / bins, height, width, bins}, rois, bins, [](int64_t b) { return b; }};
}

template <typename Rule>
at::Tensor ps_pooled(const char* op, const Rule& rule, const at::Tensor& input,
                     const at::Tensor& rois) {
  return pooled(op,
                ps_shape(rois.size(0), input.size(0), input.size(1), input.size(2), input.size(3),
                         rule.pooled_height * rule.pooled_width),
                rule, input, rois, rule.pooled_height, rule.pooled_width);
}

template <typename Rule>
at::Tensor ps_pooled_backward(const char* op, const Rule& rule, const at::Tensor& grad,
                              const at::Tensor& rois, int64_t batch, int64_t channels) {
  return pooled_backward(op,
                         ps_shape(rois.size(0), batch, channels, rule.height, rule.width,
                                  rule.pooled_height * rule.pooled_width),
                         rule, grad, rois);
}

}  // namespace lanner::ops
