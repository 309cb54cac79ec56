#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <optional>

namespace lanner::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;
using Optional = std::optional<at::Tensor>;
using Gradients = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

at::Tensor call_forward(const at::Tensor& input, const at::Tensor& offset, const at::Tensor& weight,
                        const Optional& mask, const Optional& bias, at::IntArrayRef stride,
                        at::IntArrayRef padding, at::IntArrayRef dilation) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("lanner::deform_conv2d", "")
                       .typed<decltype(call_forward)>();
  return op.call(input, offset, weight, mask, bias, stride, padding, dilation);
}

Gradients call_backward(const at::Tensor& grad, const at::Tensor& input, const at::Tensor& offset,
                        const at::Tensor& weight, const Optional& mask, at::IntArrayRef stride,
                        at::IntArrayRef padding, at::IntArrayRef dilation) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("lanner::_deform_conv2d_backward", "")
                       .typed<decltype(call_backward)>();
  return op.call(grad, input, offset, weight, mask, stride, padding, dilation);
}

struct DeformConv2d : torch::autograd::Function<DeformConv2d> {
  static Variable forward(AutogradContext* context, const Variable& input, const Variable& offset,
                          const Variable& weight, const Optional& mask, const Optional& bias,
                          const std::vector<int64_t>& stride, const std::vector<int64_t>& padding,
                          const std::vector<int64_t>& dilation) {
    context->save_for_backward({input, offset, weight, mask.value_or(at::Tensor())});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    context->saved_data["dilation"] = dilation;
    context->saved_data["bias"] = bias.has_value();
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_forward(input, offset, weight, mask, bias, stride, padding, dilation);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const auto int_list = [&](const char* name) { return context->saved_data[name].toIntVector(); };
    const auto mask = saved[3].defined() ? Optional(saved[3]) : std::nullopt;
    auto [input, offset, weight, grad_mask] =
        call_backward(grads[0], saved[0], saved[1], saved[2], mask, int_list("stride"),
                      int_list("padding"), int_list("dilation"));
    const auto bias =
        context->saved_data["bias"].toBool() ? grads[0].sum(at::IntArrayRef{0, 2, 3}) : Variable();
    return {input, offset, weight, mask ? grad_mask : Variable(), bias, {}, {}, {}};
  }
};

struct DeformConv2dBackward : torch::autograd::Function<DeformConv2dBackward> {
  static variable_list forward(AutogradContext*, const Variable& grad, const Variable& input,
                               const Variable& offset, const Variable& weight, const Optional& mask,
                               at::IntArrayRef stride, at::IntArrayRef padding,
                               at::IntArrayRef dilation) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [grad_input, grad_offset, grad_weight, grad_mask] =
        call_backward(grad, input, offset, weight, mask, stride, padding, dilation);
    return {grad_input, grad_offset, grad_weight, grad_mask};
  }
  static variable_list backward(AutogradContext*, const variable_list&) {
    TORCH_CHECK(false, "deform_conv2d: second derivatives are not supported");
  }
};

at::Tensor deform_conv2d_autograd(const at::Tensor& input, const at::Tensor& offset,
                                  const at::Tensor& weight, const Optional& mask,
                                  const Optional& bias, at::IntArrayRef stride,
                                  at::IntArrayRef padding, at::IntArrayRef dilation) {
  return DeformConv2d::apply(input, offset, weight, mask, bias, stride.vec(), padding.vec(),
                             dilation.vec());
}

Gradients deform_conv2d_backward_autograd(const at::Tensor& grad, const at::Tensor& input,
                                          const at::Tensor& offset, const at::Tensor& weight,
                                          const Optional& mask, at::IntArrayRef stride,
                                          at::IntArrayRef padding, at::IntArrayRef dilation) {
  const auto result =
      DeformConv2dBackward::apply(grad, input, offset, weight, mask, stride, padding, dilation);
  return {result[0], result[1], result[2], result[3]};
}

TORCH_LIBRARY_IMPL(lanner, Autograd, m) {
  m.impl("deform_conv2d", deform_conv2d_autograd);
  m.impl("_deform_conv2d_backward", deform_conv2d_backward_autograd);
}

}  // namespace
}  // namespace lanner::ops
