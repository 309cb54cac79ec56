#include "lanner/detectors/pretraining/feature_stats.h"

#include <torch/nn/functional/normalization.h>

#include <cmath>

namespace lanner::detectors {

FeatureStats feature_stats(const at::Tensor& features) {
  const auto normalized = torch::nn::functional::normalize(features.to(torch::kFloat));
  const auto centered = (normalized - normalized.mean(0)).to(torch::kDouble);
  const auto covariance = (torch::matmul(centered.t(), centered) / centered.size(0)).cpu();
  const auto singular_values = torch::linalg_eigvalsh(covariance).clamp_min(0).sqrt();
  const auto fractions = singular_values / singular_values.sum().clamp_min(1e-12);
  return {std::sqrt(covariance.diagonal().sum().item<double>()),
          std::exp(-torch::xlogy(fractions, fractions).sum().item<double>())};
}

}  // namespace lanner::detectors
