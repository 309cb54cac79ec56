#pragma once

#include <torch/torch.h>

#include "lanner/detectors/backbones/resnet.h"
#include "lanner/detectors/pretraining/context.h"
#include "lanner/detectors/pretraining/options.h"

namespace lanner::detectors {

// What a step of CPC gives: means over distances and directions.
struct CpcResult {
  at::Tensor loss, accuracy;  // scalars
  int64_t candidates = 0;     // N of InfoNCE: ln N is the loss of one who guesses
};

// Contrastive Predictive Coding on patches (arXiv 1807.03748 and 1905.09272). The encoder is the
// detector's own ResNet under the detector's own names, backbone.body.*; the rest is dropped when
// pretraining is over.
class CpcImpl : public torch::nn::Module {
 public:
  explicit CpcImpl(const PretrainOptions& options);  // throws usage_error
  CpcResult forward(const at::Tensor& images);       // [N, 3, S, S], normalised

  // Patch features: [N, channels, R, C].
  at::Tensor encode(const at::Tensor& images);

 private:
  PretrainOptions options_;
  int64_t channels_;
  ResNet body_{nullptr};
  std::vector<Context> contexts_;                           // one a direction
  std::vector<std::vector<torch::nn::Conv2d>> predictors_;  // [direction][distance]: W_k
  torch::nn::Conv2d target_{nullptr};
};
TORCH_MODULE(Cpc);

}  // namespace lanner::detectors
