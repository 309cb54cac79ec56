#pragma once

#include "lanner/detectors/pretraining/context.h"
#include "lanner/detectors/pretraining/objective.h"

namespace lanner::detectors {

// Contrastive Predictive Coding on patches (arXiv 1807.03748 and 1905.09272). From the patches up
// to a row, it predicts the features of a patch some rows below, to be identified among the patches
// of the batch. With four directions, the grid is rotated by quarter turns; each direction has its
// own context network, and its own projection W_k for each distance k.
class Cpc : public Objective {
 public:
  // Throws usage_error for options out of range.
  explicit Cpc(const PretrainOptions& options);
  ContrastiveResult forward(const at::Tensor& images) override;
  int views() const override { return 1; }

  // images: [N, 3, S, S], normalized. Returns patch features, [N, channels, R, C]. In training
  // mode, each patch is augmented.
  at::Tensor encode(const at::Tensor& images);

  // Returns the score of every patch of the batch for every downward prediction at `distance` rows,
  // [N * (R - distance) * C, N * R * C]. Both dimensions are in reading order, image by image.
  // features: as returned by encode().
  at::Tensor scores(const at::Tensor& features, int distance);

 private:
  struct Direction {
    std::shared_ptr<Context> context;
    torch::nn::Conv2d predict;  // all W_k, concatenated along the output channels
  };

  PretrainOptions options_;
  torch::nn::Conv2d target_{nullptr};
  std::vector<Direction> directions_;
};

}  // namespace lanner::detectors
