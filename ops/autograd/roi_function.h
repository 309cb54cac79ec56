#pragma once

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <string>
#include <utility>

#include "lanner/ops/roi_op.h"

namespace lanner::ops {

// Autograd for a RoiOp: the input has a first derivative; RoIs have none, and second derivatives
// are not supported.
template <typename Op, typename... Args>
struct RoiFunction : torch::autograd::Function<RoiFunction<Op, Args...>> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& rois, Args... args) {
    context->save_for_backward({rois});
    int i = 0;
    ((context->saved_data[std::to_string(i++)] = args), ...);
    context->saved_data["size"] = input.sym_sizes();
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    return RoiOp<Op, Args...>::call(input, rois, args...);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grads) {
    torch::autograd::variable_list result(2 + sizeof...(Args));
    result[0] = gradient(context, grads[0], std::index_sequence_for<Args...>());
    return result;
  }

 private:
  template <size_t... I>
  static at::Tensor gradient(torch::autograd::AutogradContext* context, const at::Tensor& grad,
                             std::index_sequence<I...>) {
    auto& saved = context->saved_data;
    const auto size = saved["size"].toList();
    const auto dim = [&](int i) { return size.get(i).toSymInt(); };
    return RoiOp<Op, Args...>::call_backward(grad, context->get_saved_variables()[0],
                                             saved[std::to_string(I)].template to<Args>()...,
                                             dim(0), dim(1), dim(2), dim(3));
  }
};

template <typename Op, typename... Args>
struct RoiBackwardFunction : torch::autograd::Function<RoiBackwardFunction<Op, Args...>> {
  static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& grad,
                            const at::Tensor& rois, Args... args, const c10::SymInt& batch,
                            const c10::SymInt& channels, const c10::SymInt& height,
                            const c10::SymInt& width) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    return RoiOp<Op, Args...>::call_backward(grad, rois, args..., batch, channels, height, width);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext*,
                                                 const torch::autograd::variable_list&) {
    TORCH_CHECK(false, Op::name, ": second derivatives are not supported");
  }
};

// Registers both functions for the dispatch key Autograd.
template <typename Op, typename... Args>
struct RoiAutograd {
  static at::Tensor forward(const at::Tensor& input, const at::Tensor& rois, Args... args) {
    return RoiFunction<Op, Args...>::apply(input, rois, args...);
  }
  static at::Tensor backward(const at::Tensor& grad, const at::Tensor& rois, Args... args,
                             c10::SymInt batch, c10::SymInt channels, c10::SymInt height,
                             c10::SymInt width) {
    return RoiBackwardFunction<Op, Args...>::apply(grad, rois, args..., batch, channels, height,
                                                   width);
  }
  static void register_in(torch::Library& m) {
    m.impl(Op::name, forward);
    m.impl((std::string("_") + Op::name + "_backward").c_str(), backward);
  }
};

}  // namespace lanner::ops
