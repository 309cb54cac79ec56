#include "lanner/detectors/roi_heads/linear.h"

#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "lanner/detectors/quantization/layer_observer.h"
#include "lanner/detectors/quantization/quantized_layer.h"
#include "lanner/ops/matmul_transposed.h"

namespace lanner::detectors {
namespace {

class OneDnnLinear : public torch::autograd::Function<OneDnnLinear> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const at::Tensor& bias) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    context->save_for_backward({x, weight});
    return ops::times_transposed(x, weight, bias);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const auto& grad = grads[0];
    // With create_graph, the gradients must be differentiable themselves.
    if (at::GradMode::is_enabled()) return {grad.mm(saved[1]), grad.t().mm(saved[0]), grad.sum(0)};
    const bool needs_grad_x = context->needs_input_grad(0),
               needs_grad_weight = context->needs_input_grad(1);
    const at::AutoDispatchBelowADInplaceOrView guard;
    return {needs_grad_x ? ops::times_transposed(grad, saved[1].t()) : at::Tensor(),
            needs_grad_weight ? ops::times_transposed(grad.t(), saved[0].t()) : at::Tensor(),
            grad.sum(0)};
  }
};

}  // namespace

at::Tensor linear(const torch::nn::Linear& layer, const at::Tensor& input, bool relu) {
  if (const auto int8 = quantized(*layer)) return int8->linear(input, relu);
  const auto x = dequantized(input).flatten(1);
  const bool use_onednn =
      x.is_cpu() && x.size(0) > 0 && layer->weight.scalar_type() == at::kFloat &&
      x.scalar_type() == at::kFloat && !at::autocast::is_autocast_enabled(at::kCPU);
  const auto out = use_onednn ? OneDnnLinear::apply(x, layer->weight, layer->bias)
                              : at::linear(x, layer->weight, layer->bias);
  const auto result = relu ? out.relu_() : out;
  if (auto* observer = layer_observer())
    observer->observe({*layer.ptr(), x, result, layer->weight, layer->bias});
  return result;
}

}  // namespace lanner::detectors
