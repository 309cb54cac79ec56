#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "lanner/ops/roi_align.h"

namespace lanner::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

at::Tensor call_backward(const at::Tensor& grad, const at::Tensor& rois, double spatial_scale,
                         int64_t pooled_height, int64_t pooled_width, c10::SymInt batch,
                         c10::SymInt channels, c10::SymInt height, c10::SymInt width,
                         int64_t sampling_ratio, bool aligned) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("lanner::_roi_align_backward", "")
                       .typed<decltype(call_backward)>();
  return op.call(grad, rois, spatial_scale, pooled_height, pooled_width, batch, channels, height,
                 width, sampling_ratio, aligned);
}

struct RoiAlign : torch::autograd::Function<RoiAlign> {
  static Variable forward(AutogradContext* context, const Variable& input, const Variable& rois,
                          double spatial_scale, int64_t pooled_height, int64_t pooled_width,
                          int64_t sampling_ratio, bool aligned) {
    context->save_for_backward({rois});
    auto& saved = context->saved_data;
    saved["spatial_scale"] = spatial_scale;
    saved["pooled_height"] = pooled_height;
    saved["pooled_width"] = pooled_width;
    saved["sampling_ratio"] = sampling_ratio;
    saved["aligned"] = aligned;
    saved["input_size"] = input.sym_sizes();
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    return roi_align(input, rois,
                     {spatial_scale, pooled_height, pooled_width, sampling_ratio, aligned});
  }

  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    auto& saved = context->saved_data;
    const auto size = saved["input_size"].toList();
    const auto dimension = [&](int i) { return size.get(i).toSymInt(); };
    auto grad = call_backward(
        grads[0], context->get_saved_variables()[0], saved["spatial_scale"].toDouble(),
        saved["pooled_height"].toInt(), saved["pooled_width"].toInt(), dimension(0), dimension(1),
        dimension(2), dimension(3), saved["sampling_ratio"].toInt(), saved["aligned"].toBool());
    return {grad, {}, {}, {}, {}, {}, {}};
  }
};

struct RoiAlignBackward : torch::autograd::Function<RoiAlignBackward> {
  static Variable forward(AutogradContext*, const Variable& grad, const Variable& rois,
                          double spatial_scale, int64_t pooled_height, int64_t pooled_width,
                          const c10::SymInt& batch, const c10::SymInt& channels,
                          const c10::SymInt& height, const c10::SymInt& width,
                          int64_t sampling_ratio, bool aligned) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    return call_backward(grad, rois, spatial_scale, pooled_height, pooled_width, batch, channels,
                         height, width, sampling_ratio, aligned);
  }
  static variable_list backward(AutogradContext*, const variable_list&) {
    TORCH_CHECK(false, "roi_align: second derivatives are not supported");
  }
};

at::Tensor roi_align_autograd(const at::Tensor& input, const at::Tensor& rois, double spatial_scale,
                              int64_t pooled_height, int64_t pooled_width, int64_t sampling_ratio,
                              bool aligned) {
  return RoiAlign::apply(input, rois, spatial_scale, pooled_height, pooled_width, sampling_ratio,
                         aligned);
}

at::Tensor roi_align_backward_autograd(const at::Tensor& grad, const at::Tensor& rois,
                                       double spatial_scale, int64_t pooled_height,
                                       int64_t pooled_width, c10::SymInt batch,
                                       c10::SymInt channels, c10::SymInt height, c10::SymInt width,
                                       int64_t sampling_ratio, bool aligned) {
  return RoiAlignBackward::apply(grad, rois, spatial_scale, pooled_height, pooled_width, batch,
                                 channels, height, width, sampling_ratio, aligned);
}

TORCH_LIBRARY_IMPL(lanner, Autograd, m) {
  m.impl("roi_align", roi_align_autograd);
  m.impl("_roi_align_backward", roi_align_backward_autograd);
}

}  // namespace
}  // namespace lanner::ops
