#include "lanner/ops/winograd_conv2d.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/convolution_backward.h>
#include <torch/csrc/autograd/custom_function.h>

namespace lanner::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

struct WinogradConv2d : torch::autograd::Function<WinogradConv2d> {
  static Variable forward(AutogradContext* context, const Variable& input, const Variable& weight,
                          const std::optional<at::Tensor>& bias,
                          const std::vector<int64_t>& padding) {
    context->save_for_backward({input, weight});
    context->saved_data["padding"] = padding;
    context->saved_data["bias"] = bias.has_value();
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    return winograd_conv2d(input, winograd_weight(weight, input.scalar_type()),
                           bias.value_or(at::Tensor()), padding, false);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const auto &input = saved[0], &weight = saved[1];
    const auto padding = context->saved_data["padding"].toIntVector();
    const bool biased = context->saved_data["bias"].toBool();
    const bool wants_input = context->needs_input_grad(0),
               wants_weight = context->needs_input_grad(1);
    if (at::GradMode::is_enabled()) {  // for second derivatives
      const auto [of_input, of_weight, of_bias] =
          at::convolution_backward(grads[0], input, weight, {weight.size(0)}, {1, 1}, padding,
                                   {1, 1}, false, {0, 0}, 1, {wants_input, wants_weight, biased});
      return {of_input, of_weight, of_bias, {}};
    }
    const auto grad = grads[0].contiguous(at::MemoryFormat::ChannelsLast);
    Variable of_input, of_weight, of_bias;
    if (wants_input)
      of_input =
          winograd_conv2d(grad, winograd_weight(weight, grad.scalar_type(), /*transposed=*/true),
                          {}, {2 - padding[0], 2 - padding[1]}, false);
    if (wants_weight) of_weight = winograd_conv2d_weight_grad(input, grad, padding);
    if (biased) of_bias = grad.sum(at::IntArrayRef{0, 2, 3});
    return {of_input, of_weight, of_bias, {}};
  }
};

}  // namespace

at::Tensor winograd_conv2d(const at::Tensor& input, const at::Tensor& weight,
                           const at::Tensor& bias, at::IntArrayRef padding) {
  TORCH_CHECK(input.scalar_type() == at::kFloat || input.scalar_type() == at::kDouble,
              "winograd_conv2d: input: expected float or double to be trained with, got ",
              input.scalar_type());
  TORCH_CHECK(padding[0] <= 2 && padding[1] <= 2,
              "winograd_conv2d: padding: expected at most 2, got ", padding);
  return WinogradConv2d::apply(input, weight, bias.defined() ? std::optional(bias) : std::nullopt,
                               padding.vec());
}

}  // namespace lanner::ops
