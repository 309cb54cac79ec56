#pragma once

#include <ATen/core/Tensor.h>

namespace lanner::ops {

// Checks common to all RoI operators. Throws c10::Error naming the operator and the argument.
inline void check_rois(const char* op, const at::Tensor& input, const at::Tensor& rois) {
  TORCH_CHECK(input.dim() == 4, op, ": input: expected [N, C, H, W], got ", input.sym_sizes());
  TORCH_CHECK(rois.dim() == 2 && rois.sym_size(1) == 5, op, ": rois: expected [K, 5], got ",
              rois.sym_sizes());
  TORCH_CHECK(input.is_floating_point(), op, ": input: expected a floating-point tensor, got ",
              input.scalar_type());
  TORCH_CHECK(input.scalar_type() == rois.scalar_type(), op, ": rois: expected the type of input, ",
              input.scalar_type(), ", got ", rois.scalar_type());
  for (int64_t axis = 2; axis < 4; ++axis)
    TORCH_CHECK(input.sym_size(axis) <= INT32_MAX, op, ": input: expected at most ", INT32_MAX,
                " rows and columns, got ", input.sym_sizes());
  TORCH_CHECK(input.device() == rois.device(), op, ": rois: expected on the device of input, ",
              input.device(), ", got ", rois.device());
}

// Limits on the output size and on the samples per bin, each per axis. Larger values are treated as
// mistakes, because they would run practically forever.
constexpr int64_t kMaxBins = 1024;
constexpr int64_t kMaxSamples = 1024;

inline void check_pooling(const char* op, double spatial_scale, int64_t pooled_height,
                          int64_t pooled_width, int64_t sampling_ratio = 0) {
  TORCH_CHECK(spatial_scale > 0, op, ": spatial_scale: expected a positive number, got ",
              spatial_scale);
  TORCH_CHECK(pooled_height > 0 && pooled_height <= kMaxBins && pooled_width > 0 &&
                  pooled_width <= kMaxBins,
              op, ": output size: expected 1 to ", kMaxBins, " on each side, got ", pooled_height,
              " x ", pooled_width);
  TORCH_CHECK(sampling_ratio <= kMaxSamples, op, ": sampling_ratio: expected at most ", kMaxSamples,
              ", got ", sampling_ratio);
}

inline void check_rois_backward(const char* op, const at::Tensor& grad, const at::Tensor& rois,
                                int64_t pooled_height, int64_t pooled_width, int64_t batch,
                                int64_t channels, int64_t height, int64_t width) {
  check_rois(op, grad, rois);
  TORCH_CHECK(batch >= 0 && channels >= 0 && height >= 0 && width >= 0 && height <= INT32_MAX &&
                  width <= INT32_MAX,
              op, ": input size: expected non-negative numbers and at most ", INT32_MAX,
              " rows and columns, got [", batch, ", ", channels, ", ", height, ", ", width, "]");
  TORCH_CHECK(grad.size(0) == rois.size(0) && grad.size(1) == channels &&
                  grad.size(2) == pooled_height && grad.size(3) == pooled_width,
              op, ": grad: expected [", rois.size(0), ", ", channels, ", ", pooled_height, ", ",
              pooled_width, "], got ", grad.sizes());
}

inline void check_roi_pool_backward(const at::Tensor& grad, const at::Tensor& rois,
                                    const at::Tensor& argmax, int64_t batch, int64_t channels,
                                    int64_t height, int64_t width) {
  const char* op = "roi_pool backward";
  TORCH_CHECK(grad.dim() == 4, op, ": grad: expected [K, C, pooled height, pooled width], got ",
              grad.sizes());
  check_rois_backward(op, grad, rois, grad.size(2), grad.size(3), batch, channels, height, width);
  TORCH_CHECK(argmax.scalar_type() == at::kInt && argmax.sizes() == grad.sizes() &&
                  argmax.device() == grad.device(),
              op, ": argmax: expected int32 with the size and device of grad, got ",
              argmax.scalar_type(), " ", argmax.sizes());
}

inline void check_ps_rois(const char* op, const at::Tensor& input, const at::Tensor& rois,
                          double spatial_scale, int64_t pooled_height, int64_t pooled_width,
                          int64_t sampling_ratio = 0) {
  check_rois(op, input, rois);
  check_pooling(op, spatial_scale, pooled_height, pooled_width, sampling_ratio);
  TORCH_CHECK(input.sym_size(1) % (pooled_height * pooled_width) == 0, op,
              ": input: expected a number of channels divisible by ", pooled_height, " x ",
              pooled_width, " bins, got ", input.sym_size(1));
}

inline void check_ps_rois_backward(const char* op, const at::Tensor& grad, const at::Tensor& rois,
                                   double spatial_scale, int64_t pooled_height,
                                   int64_t pooled_width, int64_t sampling_ratio, int64_t batch,
                                   int64_t channels, int64_t height, int64_t width) {
  check_pooling(op, spatial_scale, pooled_height, pooled_width, sampling_ratio);
  const int64_t bins = pooled_height * pooled_width;
  TORCH_CHECK(channels % bins == 0, op, ": channels: expected a multiple of ", bins, " bins, got ",
              channels);
  check_rois_backward(op, grad, rois, pooled_height, pooled_width, batch, channels / bins, height,
                      width);
}

inline void check_nms(const char* op, const at::Tensor& boxes, const at::Tensor& scores) {
  TORCH_CHECK(boxes.dim() == 2 && boxes.size(1) == 4, op, ": boxes: expected [N, 4], got ",
              boxes.sizes());
  TORCH_CHECK(scores.dim() == 1 && scores.size(0) == boxes.size(0), op, ": scores: expected [",
              boxes.size(0), "], got ", scores.sizes());
  TORCH_CHECK(boxes.is_floating_point(), op, ": boxes: expected a floating-point tensor, got ",
              boxes.scalar_type());
  TORCH_CHECK(boxes.scalar_type() == scores.scalar_type(), op,
              ": scores: expected the type of boxes, ", boxes.scalar_type(), ", got ",
              scores.scalar_type());
  TORCH_CHECK(boxes.device() == scores.device(), op, ": scores: expected on the device of boxes, ",
              boxes.device(), ", got ", scores.device());
}

}  // namespace lanner::ops
