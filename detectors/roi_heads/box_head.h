#pragma once

#include "lanner/detectors/roi_heads/roi_head.h"
#include "lanner/detectors/roi_heads/roi_pooling.h"

namespace lanner::detectors {

// The RoI head of Faster R-CNN (arXiv 1506.01497): RoI pooling, two fully connected layers, and
// linear predictors of scores and boxes. With options.head_convs, convolutions and one fully
// connected layer take the place of the two, as in torchvision's fasterrcnn_resnet50_fpn_v2. Module
// names are torchvision's.
class BoxHead : public RoiHead {
 public:
  // classes: number of classes without background.
  BoxHead(const BackboneImpl& backbone, int64_t classes, const RoiOptions& options);
  RoiPredictions forward(const std::vector<at::Tensor>& features, const at::Tensor& rois) override;
  at::Tensor offsets(const std::vector<at::Tensor>& features, const at::Tensor& rois) override;
  // What scores and boxes are predicted from, [K, head_width].
  at::Tensor hidden(const std::vector<at::Tensor>& features, const at::Tensor& rois);

 private:
  RoiPooling pooling_;
  std::vector<ConvUnit> convs_;
  torch::nn::Linear fc6_, fc7_{nullptr}, cls_score_, bbox_pred_;
};

}  // namespace lanner::detectors
