#pragma once

#include "lanner/detectors/roi_heads/roi_head.h"
#include "lanner/detectors/roi_heads/roi_pooling.h"

namespace lanner::detectors {

// The RoI head of ResNet-C4 (arXiv 1512.03385, appendix A): stage 4 of the backbone's body, run on
// each RoI's twice 7x7 features, averaged.
class StageHead : public RoiHead {
 public:
  StageHead(const BackboneImpl& backbone, int64_t classes, const RoiOptions& options);
  RoiPredictions forward(const std::vector<at::Tensor>& features, const at::Tensor& rois) override;
  at::Tensor offsets(const std::vector<at::Tensor>& features, const at::Tensor& rois) override;

 private:
  ResNet body_;  // the backbone's, and registered there
  RoiPooling pooling_;
  torch::nn::Linear cls_score_, bbox_pred_;
};

}  // namespace lanner::detectors
