#include "lanner/detectors/backbones/norm.h"

#include "lanner/detectors/distributed/synced_batch_norm.h"

namespace lanner::detectors {
namespace {

constexpr double kMomentum = 0.1;  // of running statistics

}  // namespace

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
      if (synced && is_training() && !fixed)
        return synced_batch_norm(x, weight, bias, running_mean, running_var, kMomentum, eps);
      return torch::batch_norm(x, weight, bias, running_mean, running_var, is_training(), kMomentum,
                               eps, /*cudnn_enabled=*/true);
    default:
      return torch::group_norm(x, groups_, weight, bias, eps);
  }
}

void sync_norms(torch::nn::Module& module) {
  for (const auto& child : module.modules())
    if (const auto norm = std::dynamic_pointer_cast<NormLayerImpl>(child)) norm->synced = true;
}

bool NormLayerImpl::is_affine() const {
  return norm == Norm::frozen_batch || norm == Norm::none ||
         (norm == Norm::batch && (fixed || !is_training()));
}

std::pair<at::Tensor, at::Tensor> NormLayerImpl::affine() const {
  if (norm == Norm::none) return {weight, bias};
  const auto scale = weight * (running_var + eps).rsqrt();
  return {scale, bias - running_mean * scale};
}

}  // namespace lanner::detectors
