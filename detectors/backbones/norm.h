#pragma once

#include "lanner/ops/torch.h"

#include "lanner/detectors/backbones/options.h"

namespace lanner::detectors {

// A normalization layer with torchvision's parameter names: weight, bias and, for batch norms,
// running_mean and running_var. Norm::none is a learned scale and shift.
class NormLayerImpl : public torch::nn::Module {
 public:
  NormLayerImpl(Norm norm, int64_t channels);

  // x: [N, channels, H, W], or [N, channels] of a batch norm or group norm. Returns the same shape.
  at::Tensor forward(const at::Tensor& x);

  // Whether forward() is x * scale + shift, independent of the statistics of x. This holds for
  // batch norm in evaluation mode, too.
  bool is_affine() const;
  // Returns scale and shift, both [channels]. Requires is_affine().
  std::pair<at::Tensor, at::Tensor> affine() const;

  Norm norm;
  bool fixed = false;   // batch norm: running statistics that training does not change
  bool synced = false;  // batch norm in training: statistics over all ranks
  double eps = 1e-5;
  // [channels]; the running statistics are undefined unless this is a batch norm.
  at::Tensor weight, bias, running_mean, running_var;

 private:
  int64_t groups_;  // of group norm
};
TORCH_MODULE(NormLayer);

// Makes the batch norms of a module synced.
void sync_norms(torch::nn::Module& module);

}  // namespace lanner::detectors
