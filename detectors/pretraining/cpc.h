#pragma once

#include "lanner/detectors/pretraining/context.h"
#include "lanner/detectors/pretraining/objective.h"

namespace lanner::detectors {

// Contrastive Predictive Coding on patches (arXiv 1807.03748 and 1905.09272): from the patches up
// to a row, which of all patches of the batch stands some rows below? In four directions by turning
// the grid, each with its own context network and its own W_k for each distance k.
class Cpc : public Objective {
 public:
  explicit Cpc(const PretrainOptions& options);
  ContrastiveResult forward(const at::Tensor& images) override;
  int views() const override { return 1; }

  // Patch features: [N, channels, R, C]. Patches are augmented while training.
  at::Tensor encode(const at::Tensor& images);

  // How well each patch of the batch answers each prediction downwards by `distance`, of features
  // as encode() gives them: [N * (R - distance) * C, N * R * C], both in reading order, image by
  // image.
  at::Tensor scores(const at::Tensor& features, int distance);

 private:
  struct Direction {
    std::shared_ptr<Context> context;
    torch::nn::Conv2d predict;  // all W_k, one after the other
  };

  PretrainOptions options_;
  torch::nn::Conv2d target_{nullptr};
  std::vector<Direction> directions_;
};

}  // namespace lanner::detectors
