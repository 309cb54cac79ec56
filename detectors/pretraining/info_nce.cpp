#include "lanner/detectors/pretraining/info_nce.h"

namespace lanner::detectors {

InfoNce info_nce(const at::Tensor& predictions, const at::Tensor& targets,
                 const at::Tensor& positives) {
  const auto logits = torch::matmul(predictions, targets.t()).to(torch::kFloat);
  return {torch::cross_entropy_loss(logits, positives),
          (logits.detach().argmax(1) == positives).to(torch::kFloat).mean()};
}

}  // namespace lanner::detectors
