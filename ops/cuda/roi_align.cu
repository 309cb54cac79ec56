#include "lanner/ops/cuda/roi_align_kernel.h"

#include <ATen/AccumulateType.h>
#include <ATen/Context.h>
#include <ATen/Dispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/library.h>

#include "lanner/ops/checks.h"
#include "lanner/ops/cuda/launch.cuh"

namespace lanner::ops {
namespace {

at::Tensor roi_align_cuda(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                          int64_t pooled_height, int64_t pooled_width, int64_t sampling_ratio,
                          bool aligned) {
  check_rois("roi_align", input, rois);
  check_pooling("roi_align", spatial_scale, pooled_height, pooled_width, sampling_ratio);
  const c10::cuda::CUDAGuard guard(input.device());
  const auto in = input.contiguous(), boxes = rois.contiguous();
  auto out = at::zeros({rois.size(0), input.size(1), pooled_height, pooled_width}, in.options());
  if (in.numel() == 0) return out;
  const RoiAlignShape shape{in.size(0),    in.size(1),   in.size(2),     in.size(3),
                            pooled_height, pooled_width, sampling_ratio, aligned};
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, in.scalar_type(), "roi_align", [&] {
    using A = at::acc_type<scalar_t, true>;
    launch(out.numel(), RoiAlignForward<A, scalar_t>{in.const_data_ptr<scalar_t>(),
                                                     boxes.const_data_ptr<scalar_t>(),
                                                     out.mutable_data_ptr<scalar_t>(),
                                                     static_cast<A>(spatial_scale), shape});
  });
  return out.contiguous(input.suggest_memory_format());
}

at::Tensor roi_align_backward_cuda(const at::Tensor& grad, const at::Tensor& rois,
                                   double spatial_scale, int64_t pooled_height,
                                   int64_t pooled_width, int64_t sampling_ratio, bool aligned,
                                   int64_t batch, int64_t channels, int64_t height, int64_t width) {
  check_pooling("roi_align backward", spatial_scale, pooled_height, pooled_width, sampling_ratio);
  check_rois_backward("roi_align backward", grad, rois, pooled_height, pooled_width, batch,
                      channels, height, width);
  // atomic additions are unordered
  at::globalContext().alertNotDeterministic("lanner::_roi_align_backward");
  const c10::cuda::CUDAGuard guard(grad.device());
  const auto grad_output = grad.contiguous(), boxes = rois.contiguous();
  auto grad_input = at::zeros({batch, channels, height, width}, grad_output.options());
  if (grad_input.numel() == 0) return grad_input;
  const RoiAlignShape shape{batch,         channels,     height,         width,
                            pooled_height, pooled_width, sampling_ratio, aligned};
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kHalf, at::kBFloat16, grad_output.scalar_type(), "roi_align backward", [&] {
        using A = at::acc_type<scalar_t, true>;
        launch(grad_output.numel(),
               RoiAlignBackward<A, scalar_t>{
                   grad_output.const_data_ptr<scalar_t>(), boxes.const_data_ptr<scalar_t>(),
                   grad_input.mutable_data_ptr<scalar_t>(), static_cast<A>(spatial_scale), shape});
      });
  return grad_input.contiguous(grad.suggest_memory_format());
}

TORCH_LIBRARY_IMPL(lanner, CUDA, m) {
  m.impl("roi_align", roi_align_cuda);
  m.impl("_roi_align_backward", roi_align_backward_cuda);
}

}  // namespace
}  // namespace lanner::ops
