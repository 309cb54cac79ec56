#include <ATen/AccumulateType.h>
#include <ATen/Context.h>
#include <ATen/Dispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/library.h>

#include "lanner/ops/checks.h"
#include "lanner/ops/cuda/launch.cuh"
#include "lanner/ops/cuda/ps_roi_kernel.h"

namespace lanner::ops {
namespace {

int64_t sampling_ratio_of(const PsRoiPoolSampling&) { return 0; }
int64_t sampling_ratio_of(const PsRoiAlignSampling& sampling) { return sampling.sampling_ratio; }

template <typename Sampling>
at::Tensor forward(const char* op, const Sampling& sampling, const at::Tensor& input,
                   const at::Tensor& rois, double spatial_scale, int64_t pooled_height,
                   int64_t pooled_width) {
  check_ps_rois(op, input, rois, spatial_scale, pooled_height, pooled_width,
                sampling_ratio_of(sampling));
  const c10::cuda::CUDAGuard guard(input.device());
  const auto in = input.contiguous(), boxes = rois.contiguous();
  const PsShape shape{in.size(0),    in.size(1) / (pooled_height * pooled_width),
                      in.size(2),    in.size(3),
                      pooled_height, pooled_width};
  auto out = at::zeros({rois.size(0), shape.channels, pooled_height, pooled_width}, in.options());
  if (in.numel() == 0) return out;
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, in.scalar_type(), "ps_roi", [&] {
    using A = at::acc_type<scalar_t, true>;
    launch(out.numel(),
           PsRoiForward<A, scalar_t, Sampling>{
               in.const_data_ptr<scalar_t>(), boxes.const_data_ptr<scalar_t>(),
               out.mutable_data_ptr<scalar_t>(), static_cast<A>(spatial_scale), sampling, shape});
  });
  return out.contiguous(input.suggest_memory_format());
}

template <typename Sampling>
at::Tensor backward(const char* op, const Sampling& sampling, const at::Tensor& grad,
                    const at::Tensor& rois, double spatial_scale, int64_t pooled_height,
                    int64_t pooled_width, int64_t batch, int64_t channels, int64_t height,
                    int64_t width) {
  check_ps_rois_backward(op, grad, rois, spatial_scale, pooled_height, pooled_width,
                         sampling_ratio_of(sampling), batch, channels, height, width);
  const PsShape shape{
      batch, channels / (pooled_height * pooled_width), height, width, pooled_height, pooled_width};
  at::globalContext().alertNotDeterministic(op);  // atomic additions are unordered
  const c10::cuda::CUDAGuard guard(grad.device());
  const auto grad_output = grad.contiguous(), boxes = rois.contiguous();
  auto grad_input = at::zeros({batch, channels, height, width}, grad_output.options());
  if (grad_input.numel() == 0) return grad_input;
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kHalf, at::kBFloat16, grad_output.scalar_type(), "ps_roi backward", [&] {
        using A = at::acc_type<scalar_t, true>;
        launch(grad_output.numel(),
               PsRoiBackward<A, scalar_t, Sampling>{
                   grad_output.const_data_ptr<scalar_t>(), boxes.const_data_ptr<scalar_t>(),
                   grad_input.mutable_data_ptr<scalar_t>(), static_cast<A>(spatial_scale), sampling,
                   shape});
      });
  return grad_input.contiguous(grad.suggest_memory_format());
}

at::Tensor ps_roi_pool_cuda(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                            int64_t pooled_height, int64_t pooled_width, bool original) {
  return forward("ps_roi_pool", PsRoiPoolSampling{original}, input, rois, spatial_scale,
                 pooled_height, pooled_width);
}
at::Tensor ps_roi_pool_backward_cuda(const at::Tensor& grad, const at::Tensor& rois,
                                     double spatial_scale, int64_t pooled_height,
                                     int64_t pooled_width, bool original, int64_t batch,
                                     int64_t channels, int64_t height, int64_t width) {
  return backward("ps_roi_pool backward", PsRoiPoolSampling{original}, grad, rois, spatial_scale,
                  pooled_height, pooled_width, batch, channels, height, width);
}
at::Tensor ps_roi_align_cuda(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                             int64_t pooled_height, int64_t pooled_width, int64_t sampling_ratio) {
  return forward("ps_roi_align", PsRoiAlignSampling{sampling_ratio}, input, rois, spatial_scale,
                 pooled_height, pooled_width);
}
at::Tensor ps_roi_align_backward_cuda(const at::Tensor& grad, const at::Tensor& rois,
                                      double spatial_scale, int64_t pooled_height,
                                      int64_t pooled_width, int64_t sampling_ratio, int64_t batch,
                                      int64_t channels, int64_t height, int64_t width) {
  return backward("ps_roi_align backward", PsRoiAlignSampling{sampling_ratio}, grad, rois,
                  spatial_scale, pooled_height, pooled_width, batch, channels, height, width);
}

TORCH_LIBRARY_IMPL(lanner, CUDA, m) {
  m.impl("ps_roi_pool", ps_roi_pool_cuda);
  m.impl("_ps_roi_pool_backward", ps_roi_pool_backward_cuda);
  m.impl("ps_roi_align", ps_roi_align_cuda);
  m.impl("_ps_roi_align_backward", ps_roi_align_backward_cuda);
}

}  // namespace
}  // namespace lanner::ops
