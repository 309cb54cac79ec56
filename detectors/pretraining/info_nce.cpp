#include "lanner/detectors/pretraining/info_nce.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/nn/functional/normalization.h>

namespace lanner::detectors {
namespace {

constexpr int64_t kBlockSize = 1 << 22;   // logits per block
constexpr double kDotProductScale = 0.1;  // as in CPC v2

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Samples [M, negatives] indices in 0..N-1 that differ from the positive of their row: samples
// among N - 1 and increments indices from the positive on.
at::Tensor sample_negatives(const at::Tensor& positives, int64_t N, int64_t negatives) {
  const auto indices = torch::randint(N - 1, {positives.size(0), negatives}, positives.options());
  return indices + (indices >= positives.unsqueeze(1)).to(torch::kLong);
}

// Computes the gradients in the forward pass, while the logits of a block exist; backward() scales
// them.
struct InfoNceFunction : torch::autograd::Function<InfoNceFunction> {
  static variable_list forward(AutogradContext* context, const at::Tensor& predictions,
                               const at::Tensor& targets, const at::Tensor& positives,
                               int64_t negatives) {
    // In bfloat16, logits that differ would compare equal.
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const int64_t M = predictions.size(0), N = targets.size(0);
    const auto block_rows = std::max<int64_t>(1, kBlockSize / N);
    auto loss = torch::zeros({}, predictions.options().dtype(torch::kFloat));
    auto accuracy = torch::zeros_like(loss);
    const auto grad_predictions = torch::empty_like(predictions, torch::kFloat);
    const auto grad_targets = torch::zeros_like(targets, torch::kFloat);
    for (int64_t begin = 0; begin < M; begin += block_rows) {
      const auto end = std::min(M, begin + block_rows);
      const auto block = predictions.slice(0, begin, end);
      const auto positive_index = positives.slice(0, begin, end).unsqueeze(1);
      auto logits = torch::matmul(block, targets.t()).to(torch::kFloat);
      if (negatives > 0) {
        // A candidate that is sampled twice counts twice.
        const auto sampled = sample_negatives(positive_index.squeeze(1), N, negatives);
        const auto counts = torch::zeros_like(logits)
                                .scatter_add_(1, sampled, torch::ones_like(sampled, torch::kFloat))
                                .scatter_(1, positive_index, 1);
        logits = logits + counts.log();  // -inf for targets that are not candidates
      }
      const auto positive = logits.gather(1, positive_index);
      loss += torch::logsumexp(logits, 1).sub(positive.squeeze(1)).sum();
      accuracy += ((logits >= positive).sum(1) == 1).sum();  // the positive itself
      auto grad_logits = torch::softmax(logits, 1);
      grad_logits.scatter_add_(1, positive_index, torch::full_like(positive, -1));
      grad_logits = grad_logits.to(block.scalar_type());
      grad_predictions.slice(0, begin, end).copy_(torch::matmul(grad_logits, targets));
      grad_targets.add_(torch::matmul(grad_logits.t(), block));
    }
    context->save_for_backward({grad_predictions.div_(M), grad_targets.div_(M)});
    context->saved_data["type"] = static_cast<int64_t>(predictions.scalar_type());
    accuracy /= M;
    context->mark_non_differentiable({accuracy});
    return {loss / M, accuracy};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto type = static_cast<at::ScalarType>(context->saved_data["type"].toInt());
    return {(saved[0] * gradients[0]).to(type), (saved[1] * gradients[0]).to(type), {}, {}};
  }
};

}  // namespace

InfoNce info_nce(const at::Tensor& predictions, const at::Tensor& targets,
                 const at::Tensor& positives, const InfoNceOptions& options) {
  const auto normalize = [](const at::Tensor& x) {
    return torch::nn::functional::normalize(x.to(torch::kFloat));
  };
  const bool cosine = options.temperature > 0;
  const auto result = InfoNceFunction::apply(
      cosine ? normalize(predictions) / options.temperature : predictions * kDotProductScale,
      cosine ? normalize(targets) : targets, positives, options.negatives);
  return {result[0], result[1]};
}

}  // namespace lanner::detectors
