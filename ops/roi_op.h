#pragma once

#include <ATen/autocast_mode.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <string>

namespace lanner::ops {

// Common code of the RoI operators NAME(input, rois, args...) with the gradient
// _NAME_backward(grad, rois, args..., batch, channels, height, width). Op::name is NAME.
template <typename Op, typename... Args>
struct RoiOp {
  static at::Tensor call(const at::Tensor& input, const at::Tensor& rois, Args... args) {
    static auto op = c10::Dispatcher::singleton()
                         .findSchemaOrThrow((std::string("lanner::") + Op::name).c_str(), "")
                         .template typed<decltype(call)>();
    return op.call(input, rois, args...);
  }

  static at::Tensor call_backward(const at::Tensor& grad, const at::Tensor& rois, Args... args,
                                  c10::SymInt batch, c10::SymInt channels, c10::SymInt height,
                                  c10::SymInt width) {
    static auto op =
        c10::Dispatcher::singleton()
            .findSchemaOrThrow((std::string("lanner::_") + Op::name + "_backward").c_str(), "")
            .template typed<decltype(call_backward)>();
    return op.call(grad, rois, args..., batch, channels, height, width);
  }

  static at::Tensor backward_meta(const at::Tensor& grad, const at::Tensor&, Args...,
                                  c10::SymInt batch, c10::SymInt channels, c10::SymInt height,
                                  c10::SymInt width) {
    return at::empty_symint({batch, channels, height, width},
                            grad.options().memory_format(grad.suggest_memory_format()));
  }

  // Under autocast the operator runs in float32: 16 bits are too few for RoI coordinates.
  template <c10::DispatchKey key, c10::DeviceType device>
  static at::Tensor autocast(const at::Tensor& input, const at::Tensor& rois, Args... args) {
    c10::impl::ExcludeDispatchKeyGuard no_autocast(key);
    return call(at::autocast::cached_cast(at::kFloat, input, device),
                at::autocast::cached_cast(at::kFloat, rois, device), args...)
        .to(input.scalar_type());
  }
};

}  // namespace lanner::ops
