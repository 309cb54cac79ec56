#pragma once

#include <ATen/autocast_mode.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>

#include <optional>
#include <string>
#include <tuple>

namespace lanner::ops {

// Common code of the RoI operators with offsets, like RoiOp: NAME(input, rois, offset?, args...)
// and its gradient _NAME_backward(grad, input, rois, offset?, args...) -> (input, offset).
template <typename Op, typename... Args>
struct DeformRoiOp {
  using Optional = std::optional<at::Tensor>;
  using Gradients = std::tuple<at::Tensor, at::Tensor>;

  static at::Tensor call(const at::Tensor& input, const at::Tensor& rois, const Optional& offset,
                         Args... args) {
    static auto op = c10::Dispatcher::singleton()
                         .findSchemaOrThrow((std::string("lanner::") + Op::name).c_str(), "")
                         .template typed<decltype(call)>();
    return op.call(input, rois, offset, args...);
  }

  static Gradients call_backward(const at::Tensor& grad, const at::Tensor& input,
                                 const at::Tensor& rois, const Optional& offset, Args... args) {
    static auto op =
        c10::Dispatcher::singleton()
            .findSchemaOrThrow((std::string("lanner::_") + Op::name + "_backward").c_str(), "")
            .template typed<decltype(call_backward)>();
    return op.call(grad, input, rois, offset, args...);
  }

  static Gradients backward_meta(const at::Tensor&, const at::Tensor& input, const at::Tensor&,
                                 const Optional& offset, Args...) {
    return {at::empty_symint(input.sym_sizes(),
                             input.options().memory_format(input.suggest_memory_format())),
            offset ? at::empty_symint(offset->sym_sizes(), offset->options())
                   : at::empty({0}, input.options())};
  }

  template <c10::DispatchKey key, c10::DeviceType device>
  static at::Tensor autocast(const at::Tensor& input, const at::Tensor& rois,
                             const Optional& offset, Args... args) {
    c10::impl::ExcludeDispatchKeyGuard no_autocast(key);
    const auto to_float = [](const at::Tensor& tensor) {
      return at::autocast::cached_cast(at::kFloat, tensor, device);
    };
    return call(to_float(input), to_float(rois), offset ? Optional(to_float(*offset)) : offset,
                args...)
        .to(input.scalar_type());
  }
};

}  // namespace lanner::ops
