#include "lanner/detectors/distributed/synced_batch_norm.h"

#include <torch/csrc/autograd/custom_function.h>

#include "lanner/detectors/distributed/ranks.h"

namespace lanner::detectors {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Sums over all but the channels, in double. Returns [C].
at::Tensor channel_sums(const at::Tensor& x) {
  return x.dim() == 2 ? x.sum(0, false, torch::kDouble) : x.sum({0, 2, 3}, false, torch::kDouble);
}

at::Tensor by_channel(const at::Tensor& values, const at::Tensor& like) {
  std::vector<int64_t> shape(like.dim(), 1);
  shape[1] = -1;
  return values.to(like.dtype()).view(shape);
}

// Computes in float32 at least. Returns the output, and mean and unbiased variance of all ranks.
struct SyncedBatchNorm : torch::autograd::Function<SyncedBatchNorm> {
  static variable_list forward(AutogradContext* context, const at::Tensor& x,
                               const at::Tensor& weight, const at::Tensor& bias, double eps) {
    const auto wide = x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
    const int64_t channels = x.size(1);
    const auto local_count = torch::full({1}, double(x.numel() / channels), torch::kDouble);
    const auto sums = sum_over_ranks(
        torch::cat({channel_sums(wide), channel_sums(wide.square()), local_count.to(x.device())}));
    const auto count = sums[2 * channels];
    const auto mean = sums.slice(0, 0, channels) / count;
    const auto variance =
        (sums.slice(0, channels, 2 * channels) / count - mean.square()).clamp_min(0);
    const auto inverse = (variance + eps).rsqrt();
    const auto normalized = (wide - by_channel(mean, wide)) * by_channel(inverse, wide);
    context->save_for_backward({normalized, weight, inverse, count});
    const auto unbiased = variance * (count / (count - 1).clamp_min(1));
    context->mark_non_differentiable({mean, unbiased});
    const auto out = normalized * by_channel(weight, wide) + by_channel(bias, wide);
    return {out.to(x.dtype()), mean, unbiased};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &normalized = saved[0], &weight = saved[1], &inverse = saved[2], &count = saved[3];
    const auto gradient = gradients[0].to(normalized.dtype());
    const auto bias_grad = channel_sums(gradient),
               weight_grad = channel_sums(gradient * normalized);
    const auto means = sum_over_ranks(torch::stack({bias_grad, weight_grad})) / count;
    const auto x_grad =
        (gradient - by_channel(means[0], gradient) - normalized * by_channel(means[1], gradient)) *
        by_channel(weight.to(torch::kDouble) * inverse, gradient);
    return {x_grad.to(gradients[0].dtype()),
            weight_grad.to(weight.dtype()),
            bias_grad.to(weight.dtype()),
            {}};
  }
};

}  // namespace

at::Tensor synced_batch_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                             const at::Tensor& running_mean, const at::Tensor& running_var,
                             double momentum, double eps) {
  const auto out = SyncedBatchNorm::apply(x, weight, bias, eps);
  const torch::NoGradGuard no_grad;
  running_mean.lerp_(out[1].to(running_mean.dtype()), momentum);
  running_var.lerp_(out[2].to(running_var.dtype()), momentum);
  return out[0];
}

}  // namespace lanner::detectors
