#pragma once

#include "lanner/detectors/pretraining/objective.h"

namespace lanner::detectors {

// InfoNCE between two views of an image (in the manner of SimCLR, arXiv 2002.05709): from the
// embedding of one view, which of the batch's other views is of the same image? Both ways. No
// context and no patches; the network sees whole crops.
class Simclr : public Objective {
 public:
  explicit Simclr(const PretrainOptions& options);
  ContrastiveResult forward(const at::Tensor& images) override;
  int views() const override { return 2; }

 private:
  PretrainOptions options_;
  torch::nn::Sequential projection_{nullptr};
};

}  // namespace lanner::detectors
