#include "lanner/detectors/backbones/norm.h"

namespace lanner::detectors {

NormLayerImpl::NormLayerImpl(Norm norm, int64_t channels)
    : norm(norm), groups_(norm == Norm::layer ? 1 : std::min<int64_t>(32, channels)) {
  const auto add = [&](const char* name, const at::Tensor& value, bool trainable) {
    return trainable ? register_parameter(name, value) : register_buffer(name, value);
  };
  const bool frozen = norm == Norm::frozen_batch;
  weight = add("weight", torch::ones({channels}), !frozen);
  bias = add("bias", torch::zeros({channels}), !frozen);
  if (frozen || norm == Norm::batch) {
    running_mean = add("running_mean", torch::zeros({channels}), false);
    running_var = add("running_var", torch::ones({channels}), false);
  }
}

at::Tensor NormLayerImpl::forward(const at::Tensor& x) {
  switch (norm) {
    case Norm::none:
    case Norm::frozen_batch: {
      const auto [scale, shift] = affine();
      return x * scale.to(x.dtype()).view({1, -1, 1, 1}) + shift.to(x.dtype()).view({1, -1, 1, 1});
    }
    case Norm::batch:
      return torch::batch_norm(x, weight, bias, running_mean, running_var, is_training(),
                               /*momentum=*/0.1, eps, /*cudnn_enabled=*/true);
    default:
      return torch::group_norm(x, groups_, weight, bias, eps);
  }
}

bool NormLayerImpl::is_affine() const {
  return norm == Norm::frozen_batch || norm == Norm::none ||
         (norm == Norm::batch && !is_training());
}

std::pair<at::Tensor, at::Tensor> NormLayerImpl::affine() const {
  if (norm == Norm::none) return {weight, bias};
  const auto scale = weight * (running_var + eps).rsqrt();
  return {scale, bias - running_mean * scale};
}

}  // namespace lanner::detectors
