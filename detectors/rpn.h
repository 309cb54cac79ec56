#pragma once

#include <torch/torch.h>

#include "lanner/datasets/batch.h"
#include "lanner/detectors/anchors.h"
#include "lanner/detectors/backbones/conv_unit.h"
#include "lanner/ops/boxes.h"

namespace lanner::detectors {

// What the RPN says of every anchor of a batch.
struct AnchorPredictions {
  at::Tensor anchors;                     // [A, 4]
  at::Tensor objectness;                  // [N, A] logits
  at::Tensor deltas;                      // [N, A, 4]
  std::vector<int64_t> anchors_of_level;  // they sum to A
};

// Boxes that may hold an object: [Pi, 4] for each image, without gradient.
using Proposals = std::vector<at::Tensor>;

struct RpnLosses {
  at::Tensor objectness, box_reg;
};

// Region proposal network (Faster R-CNN, arXiv 1506.01497, section 3.1), torchvision's arithmetic
// and names.
class RpnImpl : public torch::nn::Module {
 public:
  RpnImpl(int64_t channels, const AnchorOptions& anchors, const RpnOptions& options);

  AnchorPredictions forward(const std::vector<at::Tensor>& features, const at::Tensor& images);
  Proposals propose(const AnchorPredictions& predictions,
                    const std::vector<datasets::ImageSize>& sizes) const;
  // boxes: [Gi, 4] for each image.
  RpnLosses losses(const AnchorPredictions& predictions,
                   const std::vector<at::Tensor>& boxes) const;

 private:
  RpnOptions options_;
  AnchorGenerator anchors_;
  ops::BoxCoder coder_;
  std::vector<ConvUnit> convs_;
  ConvUnit cls_logits_, bbox_pred_;
};
TORCH_MODULE(Rpn);

}  // namespace lanner::detectors
