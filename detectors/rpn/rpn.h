#pragma once

#include "lanner/ops/torch.h"

#include "lanner/datasets/loading/batch.h"
#include "lanner/detectors/backbones/conv_unit.h"
#include "lanner/detectors/rpn/anchors.h"
#include "lanner/ops/boxes.h"

namespace lanner::detectors {

// The RPN's predictions for all A anchors of a batch.
struct AnchorPredictions {
  at::Tensor anchors;                      // [A, 4]: x1, y1, x2, y2 in pixels of the batch
  at::Tensor objectness;                   // [N, A] logits
  at::Tensor deltas;                       // [N, A, 4]; see ops::BoxCoder
  std::vector<int64_t> anchors_per_level;  // sums to A
};

// Proposed boxes per image: [Pi, 4], x1, y1, x2, y2 in pixels of the batch, without gradient.
using Proposals = std::vector<at::Tensor>;

// Scalar tensors.
struct RpnLosses {
  at::Tensor objectness, box_reg;
};

// A region proposal network (Faster R-CNN, arXiv 1506.01497, section 3.1) with torchvision's
// arithmetic and module names.
class RpnImpl : public torch::nn::Module {
 public:
  RpnImpl(int64_t channels, const AnchorOptions& anchors, const RpnOptions& options);

  // features: [N, channels, Hi, Wi] per level; images: the padded batch, [N, 3, H, W].
  AnchorPredictions forward(const std::vector<at::Tensor>& features, const at::Tensor& images);

  // Selects the boxes of highest objectness in each level, clips them to the images of the given
  // sizes, drops tiny ones and applies NMS per level. Training and evaluation mode keep
  // different numbers of boxes.
  Proposals propose(const AnchorPredictions& predictions,
                    const std::vector<datasets::ImageSize>& sizes) const;

  // Samples anchors with torch's default generator, which the batch's seeds, if there are any, seed
  // for each image. Of several ranks, the mean of the losses is that of all their images.
  RpnLosses losses(const AnchorPredictions& predictions, const datasets::Batch& batch) const;

 private:
  RpnOptions options_;
  AnchorGenerator anchors_;
  ops::BoxCoder coder_;
  std::vector<ConvUnit> convs_;
  ConvUnit cls_logits_, bbox_pred_;
};
TORCH_MODULE(Rpn);

}  // namespace lanner::detectors
