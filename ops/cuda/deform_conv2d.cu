#include "lanner/ops/cuda/deform_conv2d_kernel.h"

#include <ATen/AccumulateType.h>
#include <ATen/Context.h>
#include <ATen/Dispatch.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/library.h>

#include "lanner/ops/cuda/launch.cuh"
#include "lanner/ops/deform_conv2d_checks.h"

namespace lanner::ops {
namespace {

using Optional = std::optional<at::Tensor>;

template <typename T>
const T* image_data(const at::Tensor& tensor, int64_t image) {
  return tensor.defined() ? tensor.select(0, image).const_data_ptr<T>() : nullptr;
}

// [groups, C / groups * taps, positions]
at::Tensor sample_columns(const DeformConvShape& s, const at::Tensor& input,
                          const at::Tensor& offset, const at::Tensor& mask, int64_t image) {
  auto columns = at::empty(
      {s.weight_groups, s.channels / s.weight_groups * s.taps(), s.positions()}, input.options());
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kHalf, at::kBFloat16, input.scalar_type(), "deform_conv2d", [&] {
        using A = at::acc_type<scalar_t, true>;
        launch(s.channels * s.positions(),
               DeformColumns<A, scalar_t>{
                   image_data<scalar_t>(input, image), image_data<scalar_t>(offset, image),
                   image_data<scalar_t>(mask, image), columns.mutable_data_ptr<scalar_t>(), s});
      });
  return columns;
}

at::Tensor deform_conv2d_cuda(const at::Tensor& input, const at::Tensor& offset,
                              const at::Tensor& weight, const Optional& mask, const Optional& bias,
                              at::IntArrayRef stride, at::IntArrayRef padding,
                              at::IntArrayRef dilation) {
  check_deform_conv2d(input, offset, weight, mask, bias, stride, padding, dilation);
  const c10::cuda::CUDAGuard guard(input.device());
  const auto s = deform_conv_shape(input, offset, weight, stride, padding, dilation);
  auto out = at::zeros({s.batch, s.out_channels, s.out_height, s.out_width}, input.options());
  if (bias) out.add_(bias->view({1, -1, 1, 1}));
  if (input.numel() == 0 || out.numel() == 0) return out;
  const auto in = input.contiguous(), offsets = offset.contiguous();
  const auto mask_contiguous = mask ? mask->contiguous() : at::Tensor();
  const auto weights =
      weight.contiguous().view({s.weight_groups, s.out_channels / s.weight_groups, -1});
  for (int64_t image = 0; image < s.batch; ++image)
    out.select(0, image).add_(
        at::bmm(weights, sample_columns(s, in, offsets, mask_contiguous, image))
            .view({s.out_channels, s.out_height, s.out_width}));
  return out.contiguous(input.suggest_memory_format());
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> deform_conv2d_backward_cuda(
    const at::Tensor& grad, const at::Tensor& input, const at::Tensor& offset,
    const at::Tensor& weight, const Optional& mask, at::IntArrayRef stride, at::IntArrayRef padding,
    at::IntArrayRef dilation) {
  check_deform_conv2d_backward(grad, input, offset, weight, mask, stride, padding, dilation);
  // atomic additions are unordered
  at::globalContext().alertNotDeterministic("lanner::_deform_conv2d_backward");
  const c10::cuda::CUDAGuard guard(input.device());
  const auto s = deform_conv_shape(input, offset, weight, stride, padding, dilation);
  const auto in = input.contiguous(), offsets = offset.contiguous(),
             grad_output = grad.contiguous();
  const auto mask_contiguous = mask ? mask->contiguous() : at::Tensor();
  const auto weights =
      weight.contiguous().view({s.weight_groups, s.out_channels / s.weight_groups, -1});
  auto grad_input = at::zeros_like(in), grad_offset = at::zeros_like(offsets);
  auto grad_weight = at::zeros_like(weights);
  auto grad_mask = mask ? at::zeros_like(mask_contiguous) : at::empty({0}, in.options());
  if (in.numel() > 0 && grad_output.numel() > 0)
    for (int64_t image = 0; image < s.batch; ++image) {
      const auto group_grad =
          grad_output.select(0, image).view({s.weight_groups, -1, s.positions()});
      grad_weight.add_(at::bmm(
          group_grad, sample_columns(s, in, offsets, mask_contiguous, image).transpose(1, 2)));
      const auto grad_columns = at::bmm(weights.transpose(1, 2), group_grad).contiguous();
      AT_DISPATCH_FLOATING_TYPES_AND2(
          at::kHalf, at::kBFloat16, in.scalar_type(), "deform_conv2d backward", [&] {
            using A = at::acc_type<scalar_t, true>;
            const auto* columns = grad_columns.const_data_ptr<scalar_t>();
            const auto* offset_data = image_data<scalar_t>(offsets, image);
            const auto* mask_data = image_data<scalar_t>(mask_contiguous, image);
            launch(s.channels * s.taps() * s.positions(),
                   DeformInputGradient<A, scalar_t>{
                       columns, offset_data, mask_data,
                       grad_input.select(0, image).mutable_data_ptr<scalar_t>(), s});
            launch(
                s.offset_groups * s.taps() * s.positions(),
                DeformOffsetGradient<A, scalar_t>{
                    columns, image_data<scalar_t>(in, image), offset_data, mask_data,
                    grad_offset.select(0, image).mutable_data_ptr<scalar_t>(),
                    mask ? grad_mask.select(0, image).mutable_data_ptr<scalar_t>() : nullptr, s});
          });
    }
  return {grad_input.contiguous(input.suggest_memory_format()), grad_offset,
          grad_weight.view(weight.sizes()), grad_mask};
}

TORCH_LIBRARY_IMPL(lanner, CUDA, m) {
  m.impl("deform_conv2d", deform_conv2d_cuda);
  m.impl("_deform_conv2d_backward", deform_conv2d_backward_cuda);
}

}  // namespace
}  // namespace lanner::ops
