#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <string>
#include <utility>

#include "lanner/ops/deform_roi_op.h"

namespace lanner::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;
using Optional = std::optional<at::Tensor>;

// Autograd for a DeformRoiOp: input and offset have first derivatives; second derivatives are not
// supported.
template <typename Op, typename... Args>
struct Forward : torch::autograd::Function<Forward<Op, Args...>> {
  static Variable forward(AutogradContext* context, const Variable& input, const Variable& rois,
                          const Optional& offset, Args... args) {
    context->save_for_backward({input, rois, offset.value_or(at::Tensor())});
    int i = 0;
    ((context->saved_data[std::to_string(i++)] = args), ...);
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    return DeformRoiOp<Op, Args...>::call(input, rois, offset, args...);
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    return gradients(context, grads[0], std::index_sequence_for<Args...>());
  }

 private:
  template <size_t... I>
  static variable_list gradients(AutogradContext* context, const Variable& grad,
                                 std::index_sequence<I...>) {
    const auto saved = context->get_saved_variables();
    const auto offset = saved[2].defined() ? Optional(saved[2]) : std::nullopt;
    const auto [grad_input, grad_offset] = DeformRoiOp<Op, Args...>::call_backward(
        grad, saved[0], saved[1], offset,
        context->saved_data[std::to_string(I)].template to<Args>()...);
    variable_list result(3 + sizeof...(Args));
    result[0] = grad_input;
    if (offset) result[2] = grad_offset;
    return result;
  }
};

template <typename Op, typename... Args>
struct Backward : torch::autograd::Function<Backward<Op, Args...>> {
  static variable_list forward(AutogradContext*, const Variable& grad, const Variable& input,
                               const Variable& rois, const Optional& offset, Args... args) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [grad_input, grad_offset] =
        DeformRoiOp<Op, Args...>::call_backward(grad, input, rois, offset, args...);
    return {grad_input, grad_offset};
  }
  static variable_list backward(AutogradContext*, const variable_list&) {
    TORCH_CHECK(false, Op::name, ": second derivatives are not supported");
  }
};

template <typename Op, typename... Args>
struct Autograd {
  static at::Tensor forward(const at::Tensor& input, const at::Tensor& rois, const Optional& offset,
                            Args... args) {
    return Forward<Op, Args...>::apply(input, rois, offset, args...);
  }
  static std::tuple<at::Tensor, at::Tensor> backward(const at::Tensor& grad,
                                                     const at::Tensor& input,
                                                     const at::Tensor& rois, const Optional& offset,
                                                     Args... args) {
    const auto result = Backward<Op, Args...>::apply(grad, input, rois, offset, args...);
    return {result[0], result[1]};
  }
  static void register_in(torch::Library& m) {
    m.impl(Op::name, forward);
    m.impl((std::string("_") + Op::name + "_backward").c_str(), backward);
  }
};

struct DeformRoiPool {
  static constexpr const char* name = "deform_roi_pool";
};
struct DeformPsRoiPool {
  static constexpr const char* name = "deform_ps_roi_pool";
};

TORCH_LIBRARY_IMPL(lanner, Autograd, m) {
  Autograd<DeformRoiPool, double, int64_t, int64_t, int64_t, double>::register_in(m);
  Autograd<DeformPsRoiPool, double, int64_t, int64_t, int64_t, int64_t, double>::register_in(m);
}

}  // namespace
}  // namespace lanner::ops
