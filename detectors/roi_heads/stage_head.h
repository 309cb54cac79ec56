#pragma once

#include "lanner/detectors/roi_heads/roi_head.h"
#include "lanner/detectors/roi_heads/roi_pooling.h"

namespace lanner::detectors {

// The RoI head of ResNet-C4 (arXiv 1512.03385, appendix A): runs stage 4 of the backbone's body on
// the pooled features of each RoI, averages the result over positions, and predicts from that.
class StageHead : public RoiHead {
 public:
  // classes: number of classes without background.
  StageHead(const BackboneImpl& backbone, int64_t classes, const RoiOptions& options);
  RoiPredictions forward(const std::vector<at::Tensor>& features, const at::Tensor& rois) override;
  at::Tensor offsets(const std::vector<at::Tensor>& features, const at::Tensor& rois) override;

 private:
  ResNet body_;  // registered in the backbone, not here
  RoiPooling pooling_;
  torch::nn::Linear cls_score_, bbox_pred_;
};

}  // namespace lanner::detectors
