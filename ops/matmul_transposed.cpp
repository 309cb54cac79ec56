#include "lanner/ops/matmul_transposed.h"

#include <ATen/Context.h>
#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>

namespace lanner::ops {
at::Tensor times_transposed(const at::Tensor& a, const at::Tensor& b,
                            const std::optional<at::Tensor>& bias) {
  // The operator that torch.compile uses for linear layers; absent if torch was built without
  // oneDNN.
  static const auto linear =
      c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  if (linear && a.scalar_type() == at::kFloat && at::globalContext().userEnabledMkldnn()) {
    using Scalars = c10::List<std::optional<at::Scalar>>;
    static const auto op = linear->typed<at::Tensor(
        const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, std::string_view,
        Scalars, std::optional<std::string_view>)>();
    return op.call(a, b, bias, "none", Scalars(), "");
  }
  return bias ? at::addmm(*bias, a, b.t()) : at::mm(a, b.t());
}

}  // namespace lanner::ops
