#include "lanner/ops/cuda/deform_roi_pool_kernel.h"

#include <ATen/AccumulateType.h>
#include <ATen/Context.h>
#include <ATen/Dispatch.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/library.h>

#include "lanner/ops/cuda/launch.cuh"
#include "lanner/ops/deform_roi_checks.h"

namespace lanner::ops {
namespace {

using Optional = std::optional<at::Tensor>;
using Gradients = std::tuple<at::Tensor, at::Tensor>;

template <typename Sampling>
at::Tensor forward(const Sampling& sampling, const DeformPoolShape& s, const at::Tensor& input,
                   const at::Tensor& rois, const Optional& offset) {
  const c10::cuda::CUDAGuard guard(input.device());
  const auto in = input.contiguous(), boxes = rois.contiguous();
  const auto offsets = offset ? offset->contiguous() : at::Tensor();
  auto out = at::zeros({rois.size(0), s.channels, s.pooled_height, s.pooled_width}, in.options());
  if (in.numel() == 0) return out;
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kHalf, at::kBFloat16, in.scalar_type(), "deformable RoI pooling", [&] {
        using A = at::acc_type<scalar_t, true>;
        launch(out.numel(), DeformPoolForward<A, scalar_t, Sampling>{
                                in.const_data_ptr<scalar_t>(), boxes.const_data_ptr<scalar_t>(),
                                offset ? offsets.const_data_ptr<scalar_t>() : nullptr,
                                out.mutable_data_ptr<scalar_t>(), sampling, s});
      });
  return out.contiguous(input.suggest_memory_format());
}

template <typename Sampling>
Gradients backward(const char* op, const Sampling& sampling, const DeformPoolShape& s,
                   const at::Tensor& grad, const at::Tensor& input, const at::Tensor& rois,
                   const Optional& offset) {
  check_pooled_grad(op, grad, input, rois, s);
  at::globalContext().alertNotDeterministic(op);  // atomic additions are unordered
  const c10::cuda::CUDAGuard guard(input.device());
  const auto grad_output = grad.contiguous(), in = input.contiguous(), boxes = rois.contiguous();
  const auto offsets = offset ? offset->contiguous() : at::Tensor();
  auto grad_input = at::zeros_like(in);
  auto grad_offset = offset ? at::zeros_like(offsets) : at::empty({0}, in.options());
  if (in.numel() > 0)
    AT_DISPATCH_FLOATING_TYPES_AND2(
        at::kHalf, at::kBFloat16, in.scalar_type(), "deformable RoI pooling backward", [&] {
          using A = at::acc_type<scalar_t, true>;
          launch(grad_output.numel(),
                 DeformPoolBackward<A, scalar_t, Sampling>{
                     grad_output.const_data_ptr<scalar_t>(), in.const_data_ptr<scalar_t>(),
                     boxes.const_data_ptr<scalar_t>(),
                     offset ? offsets.const_data_ptr<scalar_t>() : nullptr,
                     grad_input.mutable_data_ptr<scalar_t>(),
                     grad_offset.mutable_data_ptr<scalar_t>(), sampling, s});
        });
  return {grad_input.contiguous(input.suggest_memory_format()), grad_offset};
}

at::Tensor deform_roi_pool_cuda(const at::Tensor& input, const at::Tensor& rois,
                                const Optional& offset, double spatial_scale, int64_t pooled_height,
                                int64_t pooled_width, int64_t sampling_ratio, double gamma) {
  check_deform_roi_pool(input, rois, offset, spatial_scale, pooled_height, pooled_width,
                        sampling_ratio, gamma);
  return forward(DeformRoiPoolSampling{spatial_scale, gamma, sampling_ratio},
                 deform_pool_shape(input, offset, pooled_height, pooled_width, 1), input, rois,
                 offset);
}

Gradients deform_roi_pool_backward_cuda(const at::Tensor& grad, const at::Tensor& input,
                                        const at::Tensor& rois, const Optional& offset,
                                        double spatial_scale, int64_t pooled_height,
                                        int64_t pooled_width, int64_t sampling_ratio,
                                        double gamma) {
  check_deform_roi_pool(input, rois, offset, spatial_scale, pooled_height, pooled_width,
                        sampling_ratio, gamma);
  return backward("deform_roi_pool", DeformRoiPoolSampling{spatial_scale, gamma, sampling_ratio},
                  deform_pool_shape(input, offset, pooled_height, pooled_width, 1), grad, input,
                  rois, offset);
}

at::Tensor deform_ps_roi_pool_cuda(const at::Tensor& input, const at::Tensor& rois,
                                   const Optional& offset, double spatial_scale,
                                   int64_t pooled_height, int64_t pooled_width, int64_t group_size,
                                   int64_t sample_per_part, double trans_std) {
  check_deform_ps_roi_pool(input, rois, offset, spatial_scale, pooled_height, pooled_width,
                           group_size, sample_per_part, trans_std);
  return forward(DeformPsRoiPoolSampling{spatial_scale, trans_std, sample_per_part},
                 deform_pool_shape(input, offset, pooled_height, pooled_width, group_size), input,
                 rois, offset);
}

Gradients deform_ps_roi_pool_backward_cuda(const at::Tensor& grad, const at::Tensor& input,
                                           const at::Tensor& rois, const Optional& offset,
                                           double spatial_scale, int64_t pooled_height,
                                           int64_t pooled_width, int64_t group_size,
                                           int64_t sample_per_part, double trans_std) {
  check_deform_ps_roi_pool(input, rois, offset, spatial_scale, pooled_height, pooled_width,
                           group_size, sample_per_part, trans_std);
  return backward("deform_ps_roi_pool",
                  DeformPsRoiPoolSampling{spatial_scale, trans_std, sample_per_part},
                  deform_pool_shape(input, offset, pooled_height, pooled_width, group_size), grad,
                  input, rois, offset);
}

TORCH_LIBRARY_IMPL(lanner, CUDA, m) {
  m.impl("deform_roi_pool", deform_roi_pool_cuda);
  m.impl("_deform_roi_pool_backward", deform_roi_pool_backward_cuda);
  m.impl("deform_ps_roi_pool", deform_ps_roi_pool_cuda);
  m.impl("_deform_ps_roi_pool_backward", deform_ps_roi_pool_backward_cuda);
}

}  // namespace
}  // namespace lanner::ops
