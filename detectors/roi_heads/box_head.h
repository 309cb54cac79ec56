#pragma once

#include "lanner/detectors/roi_heads/roi_head.h"
#include "lanner/detectors/roi_heads/roi_pooling.h"

namespace lanner::detectors {

// Faster R-CNN's RoI head: pooling, two fully connected layers (or convolutions and one, as in
// torchvision's fasterrcnn_resnet50_fpn_v2), scores and boxes; torchvision's names.
class BoxHead : public RoiHead {
 public:
  BoxHead(const BackboneImpl& backbone, int64_t classes, const RoiOptions& options);
  RoiPredictions forward(const std::vector<at::Tensor>& features, const at::Tensor& rois) override;
  at::Tensor offsets(const std::vector<at::Tensor>& features, const at::Tensor& rois) override;

 private:
  RoiPooling pooling_;
  std::vector<ConvUnit> convs_;
  torch::nn::Linear fc6_, fc7_{nullptr}, cls_score_, bbox_pred_;
};

}  // namespace lanner::detectors
