#pragma once

#include <torch/torch.h>

#include "lanner/detectors/options.h"

namespace lanner::detectors {

// A normalisation layer, or a learned scale and shift in its place, under torchvision's names:
// weight, bias, and for batch norms running_mean and running_var. [N, channels, H, W] to the same.
class NormLayerImpl : public torch::nn::Module {
 public:
  NormLayerImpl(Norm norm, int64_t channels);
  at::Tensor forward(const at::Tensor& x);

  // Whether it is x * scale + shift, whatever x is: so is batch norm of fixed statistics.
  bool is_line() const;
  // Scale and shift, both [channels].
  std::pair<at::Tensor, at::Tensor> line() const;

  Norm norm;
  double eps = 1e-5;
  at::Tensor weight, bias, running_mean, running_var;

 private:
  int64_t groups_;
};
TORCH_MODULE(NormLayer);

}  // namespace lanner::detectors
