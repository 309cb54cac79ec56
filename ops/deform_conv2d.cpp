#include "lanner/ops/deform_conv2d.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "lanner/ops/deform_conv2d_checks.h"

namespace lanner::ops {
namespace {

using Optional = std::optional<at::Tensor>;
using Gradients = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

at::Tensor call(const at::Tensor& input, const at::Tensor& offset, const at::Tensor& weight,
                const Optional& mask, const Optional& bias, at::IntArrayRef stride,
                at::IntArrayRef padding, at::IntArrayRef dilation) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("lanner::deform_conv2d", "")
                       .typed<decltype(call)>();
  return op.call(input, offset, weight, mask, bias, stride, padding, dilation);
}

at::Tensor meta(const at::Tensor& input, const at::Tensor& offset, const at::Tensor& weight,
                const Optional& mask, const Optional& bias, at::IntArrayRef stride,
                at::IntArrayRef padding, at::IntArrayRef dilation) {
  const auto [height, width] =
      check_deform_conv2d(input, offset, weight, mask, bias, stride, padding, dilation);
  return at::empty_symint({input.sym_size(0), weight.sym_size(0), height, width},
                          input.options().memory_format(input.suggest_memory_format()));
}

Gradients backward_meta(const at::Tensor& grad, const at::Tensor& input, const at::Tensor& offset,
                        const at::Tensor& weight, const Optional& mask, at::IntArrayRef stride,
                        at::IntArrayRef padding, at::IntArrayRef dilation) {
  check_deform_conv2d_backward(grad, input, offset, weight, mask, stride, padding, dilation);
  const auto empty_with_shape_of = [](const at::Tensor& tensor) {
    return at::empty_symint(tensor.sym_sizes(), tensor.options());
  };
  return {at::empty_symint(input.sym_sizes(),
                           input.options().memory_format(input.suggest_memory_format())),
          empty_with_shape_of(offset), empty_with_shape_of(weight),
          mask ? empty_with_shape_of(*mask) : at::empty({0}, input.options())};
}

template <c10::DispatchKey key, c10::DeviceType device>
at::Tensor autocast(const at::Tensor& input, const at::Tensor& offset, const at::Tensor& weight,
                    const Optional& mask, const Optional& bias, at::IntArrayRef stride,
                    at::IntArrayRef padding, at::IntArrayRef dilation) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(key);
  const auto to_float = [](const at::Tensor& tensor) {
    return at::autocast::cached_cast(at::kFloat, tensor, device);
  };
  const auto optional_to_float = [&](const Optional& tensor) {
    return tensor ? Optional(to_float(*tensor)) : tensor;
  };
  return call(to_float(input), to_float(offset), to_float(weight), optional_to_float(mask),
              optional_to_float(bias), stride, padding, dilation)
      .to(input.scalar_type());
}

// The gradient keeps the types of the forward call, and its matrix products must not be cast
// either.
template <c10::DispatchKey key>
Gradients backward_autocast(const at::Tensor& grad, const at::Tensor& input,
                            const at::Tensor& offset, const at::Tensor& weight,
                            const Optional& mask, at::IntArrayRef stride, at::IntArrayRef padding,
                            at::IntArrayRef dilation) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(key);
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("lanner::_deform_conv2d_backward", "")
                       .typed<decltype(backward_meta)>();
  return op.call(grad, input, offset, weight, mask, stride, padding, dilation);
}

TORCH_LIBRARY_FRAGMENT(lanner, m) {
  m.def(
      "deform_conv2d(Tensor input, Tensor offset, Tensor weight, Tensor? mask, Tensor? bias, "
      "int[2] stride, int[2] padding, int[2] dilation) -> Tensor");
  m.def(
      "_deform_conv2d_backward(Tensor grad, Tensor input, Tensor offset, Tensor weight, "
      "Tensor? mask, int[2] stride, int[2] padding, int[2] dilation) -> "
      "(Tensor input, Tensor offset, Tensor weight, Tensor mask)");
}
TORCH_LIBRARY_IMPL(lanner, Meta, m) {
  m.impl("deform_conv2d", meta);
  m.impl("_deform_conv2d_backward", backward_meta);
}
TORCH_LIBRARY_IMPL(lanner, AutocastCPU, m) {
  m.impl("deform_conv2d", autocast<c10::DispatchKey::AutocastCPU, c10::kCPU>);
  m.impl("_deform_conv2d_backward", backward_autocast<c10::DispatchKey::AutocastCPU>);
}
TORCH_LIBRARY_IMPL(lanner, AutocastCUDA, m) {
  m.impl("deform_conv2d", autocast<c10::DispatchKey::AutocastCUDA, c10::kCUDA>);
  m.impl("_deform_conv2d_backward", backward_autocast<c10::DispatchKey::AutocastCUDA>);
}

}  // namespace

at::Tensor deform_conv2d(const at::Tensor& input, const at::Tensor& offset,
                         const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                         const std::optional<at::Tensor>& mask,
                         const DeformConv2dOptions& options) {
  return call(input, offset, weight, mask, bias, options.stride, options.padding, options.dilation);
}

}  // namespace lanner::ops
