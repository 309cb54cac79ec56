#include "lanner/detectors/pretraining/spread.h"

#include <cmath>

namespace lanner::detectors {

FeatureSpread feature_spread(const at::Tensor& features) {
  const auto unit = torch::nn::functional::normalize(features.to(torch::kFloat));
  const auto centred = (unit - unit.mean(0)).to(torch::kDouble);
  const auto covariance = (torch::matmul(centred.t(), centred) / centred.size(0)).cpu();
  const auto singular = torch::linalg_eigvalsh(covariance).clamp_min(0).sqrt();
  const auto share = singular / singular.sum().clamp_min(1e-12);
  return {std::sqrt(covariance.diagonal().sum().item<double>()),
          std::exp(-torch::xlogy(share, share).sum().item<double>())};
}

}  // namespace lanner::detectors
