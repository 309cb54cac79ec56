#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace lanner::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;
using Pooled = std::tuple<at::Tensor, at::Tensor>;

Pooled dispatch_roi_pool(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                         int64_t pooled_height, int64_t pooled_width) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("lanner::roi_pool", "")
                       .typed<decltype(dispatch_roi_pool)>();
  return op.call(input, rois, spatial_scale, pooled_height, pooled_width);
}

at::Tensor dispatch_roi_pool_backward(const at::Tensor& grad, const at::Tensor& rois,
                                      const at::Tensor& argmax, c10::SymInt batch,
                                      c10::SymInt channels, c10::SymInt height, c10::SymInt width) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("lanner::_roi_pool_backward", "")
                       .typed<decltype(dispatch_roi_pool_backward)>();
  return op.call(grad, rois, argmax, batch, channels, height, width);
}

struct RoiPool : torch::autograd::Function<RoiPool> {
  static variable_list forward(AutogradContext* context, const Variable& input,
                               const Variable& rois, double spatial_scale, int64_t pooled_height,
                               int64_t pooled_width) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto [output, argmax] =
        dispatch_roi_pool(input, rois, spatial_scale, pooled_height, pooled_width);
    context->save_for_backward({rois, argmax});
    context->saved_data["size"] = input.sym_sizes();
    context->mark_non_differentiable({argmax});
    return {output, argmax};
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const auto size = context->saved_data["size"].toList();
    const auto dim = [&](int i) { return size.get(i).toSymInt(); };
    return {
        dispatch_roi_pool_backward(grads[0], saved[0], saved[1], dim(0), dim(1), dim(2), dim(3)),
        {},
        {},
        {},
        {}};
  }
};

struct RoiPoolBackward : torch::autograd::Function<RoiPoolBackward> {
  static Variable forward(AutogradContext*, const Variable& grad, const Variable& rois,
                          const Variable& argmax, const c10::SymInt& batch,
                          const c10::SymInt& channels, const c10::SymInt& height,
                          const c10::SymInt& width) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    return dispatch_roi_pool_backward(grad, rois, argmax, batch, channels, height, width);
  }
  static variable_list backward(AutogradContext*, const variable_list&) {
    TORCH_CHECK(false, "roi_pool: second derivatives are not supported");
  }
};

Pooled roi_pool_autograd(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                         int64_t pooled_height, int64_t pooled_width) {
  const auto result = RoiPool::apply(input, rois, spatial_scale, pooled_height, pooled_width);
  return {result[0], result[1]};
}

at::Tensor roi_pool_backward_autograd(const at::Tensor& grad, const at::Tensor& rois,
                                      const at::Tensor& argmax, c10::SymInt batch,
                                      c10::SymInt channels, c10::SymInt height, c10::SymInt width) {
  return RoiPoolBackward::apply(grad, rois, argmax, batch, channels, height, width);
}

TORCH_LIBRARY_IMPL(lanner, Autograd, m) {
  m.impl("roi_pool", roi_pool_autograd);
  m.impl("_roi_pool_backward", roi_pool_backward_autograd);
}

}  // namespace
}  // namespace lanner::ops
