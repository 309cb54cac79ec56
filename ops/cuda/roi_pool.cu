#include "lanner/ops/cuda/roi_pool_kernel.h"

#include <ATen/AccumulateType.h>
#include <ATen/Context.h>
#include <ATen/Dispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/library.h>

#include "lanner/ops/checks.h"
#include "lanner/ops/cuda/launch.cuh"

namespace lanner::ops {
namespace {

std::tuple<at::Tensor, at::Tensor> roi_pool_cuda(const at::Tensor& input, const at::Tensor& rois,
                                                 double spatial_scale, int64_t pooled_height,
                                                 int64_t pooled_width) {
  check_rois("roi_pool", input, rois);
  check_pooling("roi_pool", spatial_scale, pooled_height, pooled_width);
  TORCH_CHECK(input.size(2) * input.size(3) <= INT32_MAX, "roi_pool: input: expected at most ",
              INT32_MAX, " pixels per channel, got ", input.size(2), " x ", input.size(3));
  const c10::cuda::CUDAGuard guard(input.device());
  const auto in = input.contiguous(), boxes = rois.contiguous();
  const std::vector<int64_t> size{rois.size(0), input.size(1), pooled_height, pooled_width};
  auto out = at::zeros(size, in.options());
  auto argmax = at::full(size, -1, in.options().dtype(at::kInt));
  const RoiPoolShape shape{in.size(0), in.size(1),    in.size(2),
                           in.size(3), pooled_height, pooled_width};
  if (in.numel() > 0)
    AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, in.scalar_type(), "roi_pool", [&] {
      using A = at::acc_type<scalar_t, true>;
      launch(out.numel(), RoiPoolForward<A, scalar_t>{
                              in.const_data_ptr<scalar_t>(), boxes.const_data_ptr<scalar_t>(),
                              out.mutable_data_ptr<scalar_t>(), argmax.mutable_data_ptr<int32_t>(),
                              static_cast<A>(spatial_scale), shape});
    });
  const auto format = input.suggest_memory_format();
  return {out.contiguous(format), argmax.contiguous(format)};
}

at::Tensor roi_pool_backward_cuda(const at::Tensor& grad, const at::Tensor& rois,
                                  const at::Tensor& argmax, int64_t batch, int64_t channels,
                                  int64_t height, int64_t width) {
  check_roi_pool_backward(grad, rois, argmax, batch, channels, height, width);
  at::globalContext().alertNotDeterministic("roi_pool backward");  // atomic additions are unordered
  const c10::cuda::CUDAGuard guard(grad.device());
  const auto grad_output = grad.contiguous(), boxes = rois.contiguous(),
             argmax_contiguous = argmax.contiguous();
  auto grad_input = at::zeros({batch, channels, height, width}, grad_output.options());
  const RoiPoolShape shape{batch, channels, height, width, grad.size(2), grad.size(3)};
  if (grad_input.numel() > 0)
    AT_DISPATCH_FLOATING_TYPES_AND2(
        at::kHalf, at::kBFloat16, grad_output.scalar_type(), "roi_pool backward", [&] {
          launch(grad_output.numel(),
                 RoiPoolBackward<scalar_t>{grad_output.const_data_ptr<scalar_t>(),
                                           boxes.const_data_ptr<scalar_t>(),
                                           argmax_contiguous.const_data_ptr<int32_t>(),
                                           grad_input.mutable_data_ptr<scalar_t>(), shape});
        });
  return grad_input.contiguous(grad.suggest_memory_format());
}

TORCH_LIBRARY_IMPL(lanner, CUDA, m) {
  m.impl("roi_pool", roi_pool_cuda);
  m.impl("_roi_pool_backward", roi_pool_backward_cuda);
}

}  // namespace
}  // namespace lanner::ops
