#include "lanner/ops/dynamic_conv.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <vector>

#include "lanner/ops/cpu/kernels.h"

namespace lanner::ops {

void add_dynamic_conv(const at::Tensor& features, const at::Tensor& weights,
                      const at::Tensor& scale, const at::Tensor& shift, double epsilon) {
  const auto type = features.scalar_type();
  TORCH_CHECK(features.is_cpu() && (type == at::kFloat || type == at::kDouble),
              "add_dynamic_conv: features: expected float or double on the CPU, got ",
              features.toString());
  TORCH_CHECK(features.dim() == 3 && features.is_contiguous(),
              "add_dynamic_conv: features: expected [K, area, width], contiguous, got ",
              features.sizes(), " of strides ", features.strides());
  const auto boxes = features.size(0), inner = scale.numel();
  const DynamicConvShape shape{features.size(1), features.size(2), inner};
  const auto check = [&](const char* name, const at::Tensor& tensor, at::IntArrayRef size) {
    TORCH_CHECK(tensor.sizes() == size && tensor.scalar_type() == type && tensor.is_cpu(),
                "add_dynamic_conv: ", name, ": expected ", size, " of the features' type, got ",
                tensor.sizes(), " of ", tensor.toString());
  };
  check("weights", weights, {boxes, 2 * shape.width * inner});
  check("scale", scale, {inner});
  check("shift", shift, {inner});
  const auto all = weights.contiguous(), factors = scale.contiguous(), terms = shift.contiguous();
  AT_DISPATCH_FLOATING_TYPES(type, "add_dynamic_conv", [&] {
    auto* const data = features.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, boxes, 1, [&](int64_t begin, int64_t end) {
      std::vector<scalar_t> scratch((shape.positions + kMaxLanes) * inner);
      for (int64_t box = begin; box < end; ++box)
        kernels<scalar_t>().dynamic_conv(
            shape, all.const_data_ptr<scalar_t>() + box * all.size(1),
            factors.const_data_ptr<scalar_t>(), terms.const_data_ptr<scalar_t>(),
            static_cast<scalar_t>(epsilon), data + box * shape.positions * shape.width,
            scratch.data());
    });
  });
}

}  // namespace lanner::ops
