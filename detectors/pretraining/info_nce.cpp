#include "lanner/detectors/pretraining/info_nce.h"

namespace lanner::detectors {
namespace {

constexpr int64_t kBlock = 1 << 22;       // logits
constexpr double kDotProductScale = 0.1;  // CPC v2's

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// [M, negatives] of 0 .. N-1, none the row's positive: drawn among N - 1, those from the positive
// on moved up.
at::Tensor draw_negatives(const at::Tensor& positives, int64_t N, int64_t negatives) {
  const auto drawn = torch::randint(N - 1, {positives.size(0), negatives}, positives.options());
  return drawn + (drawn >= positives.unsqueeze(1)).to(torch::kLong);
}

// The gradients are made with the loss, while the logits are there, and scaled afterwards.
struct Softmax : torch::autograd::Function<Softmax> {
  static variable_list forward(AutogradContext* context, const at::Tensor& predictions,
                               const at::Tensor& targets, const at::Tensor& positives,
                               int64_t negatives) {
    // Sixteen bits would tie logits that differ.
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const int64_t M = predictions.size(0), N = targets.size(0);
    const auto rows = std::max<int64_t>(1, kBlock / N);
    auto loss = torch::zeros({}, predictions.options().dtype(torch::kFloat));
    auto hits = torch::zeros_like(loss);
    const auto of_predictions = torch::empty_like(predictions, torch::kFloat);
    const auto of_targets = torch::zeros_like(targets, torch::kFloat);
    for (int64_t begin = 0; begin < M; begin += rows) {
      const auto end = std::min(M, begin + rows);
      const auto p = predictions.slice(0, begin, end);
      const auto own = positives.slice(0, begin, end).unsqueeze(1);
      auto logits = torch::matmul(p, targets.t()).to(torch::kFloat);
      if (negatives > 0) {
        // A candidate that was drawn twice counts twice.
        const auto drawn = draw_negatives(own.squeeze(1), N, negatives);
        const auto times = torch::zeros_like(logits)
                               .scatter_add_(1, drawn, torch::ones_like(drawn, torch::kFloat))
                               .scatter_(1, own, 1);
        logits = logits + times.log();  // log 0: no candidate
      }
      const auto positive = logits.gather(1, own);
      loss += torch::logsumexp(logits, 1).sub(positive.squeeze(1)).sum();
      hits += ((logits >= positive).sum(1) == 1).sum();  // none but itself
      auto slope = torch::softmax(logits, 1);
      slope.scatter_add_(1, own, torch::full_like(positive, -1));
      slope = slope.to(p.scalar_type());
      of_predictions.slice(0, begin, end).copy_(torch::matmul(slope, targets));
      of_targets.add_(torch::matmul(slope.t(), p));
    }
    context->save_for_backward({of_predictions.div_(M), of_targets.div_(M)});
    context->saved_data["type"] = static_cast<int64_t>(predictions.scalar_type());
    hits /= M;
    context->mark_non_differentiable({hits});
    return {loss / M, hits};
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
  const auto unit = [](const at::Tensor& rows) {
    return torch::nn::functional::normalize(rows.to(torch::kFloat));
  };
  const bool cosine = options.temperature > 0;
  const auto found = Softmax::apply(
      cosine ? unit(predictions) / options.temperature : predictions * kDotProductScale,
      cosine ? unit(targets) : targets, positives, options.negatives);
  return {found[0], found[1]};
}

}  // namespace lanner::detectors
