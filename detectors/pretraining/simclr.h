#pragma once

#include <torch/nn/modules/container/sequential.h>

#include "lanner/detectors/pretraining/objective.h"

namespace lanner::detectors {

// InfoNCE between two views of each image, after SimCLR (arXiv 2002.05709): the embedding of one
// view identifies the other view of the same image among the other views of the batch; the loss is
// averaged over both directions. The encoder sees full crops; there are no patches and no context
// network.
class Simclr : public Objective {
 public:
  // Throws usage_error for options out of range.
  explicit Simclr(const PretrainOptions& options);
  ContrastiveResult forward(const at::Tensor& images) override;
  int views() const override { return 2; }

 private:
  PretrainOptions options_;
  torch::nn::Sequential projection_{nullptr};
};

}  // namespace lanner::detectors
