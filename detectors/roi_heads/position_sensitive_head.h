#pragma once

#include "lanner/detectors/roi_heads/roi_head.h"

namespace lanner::detectors {

// R-FCN's RoI head (arXiv 1605.06409, section 2.2): a map of scores for each class and bin, one of
// boxes for each side and bin, made once for the image; a RoI averages its bins. Deformable, bins
// are moved by offsets that are pooled from maps of their own, one a class and one for boxes
// (arXiv 1703.06211, section 2.2).
class PositionSensitiveHead : public RoiHead {
 public:
  PositionSensitiveHead(const BackboneImpl& backbone, int64_t classes, const RoiOptions& options);
  RoiPredictions forward(const std::vector<at::Tensor>& features, const at::Tensor& rois) override;
  at::Tensor offsets(const std::vector<at::Tensor>& features, const at::Tensor& rois) override;

 private:
  // One value a map's channel and RoI, of maps [N, channels * bins * bins, H, W]: [K, channels].
  at::Tensor vote(const at::Tensor& maps, const at::Tensor& rois, const at::Tensor& offset) const;
  // [K, channels, bins, bins] of plain deformable position-sensitive pooling, or by its offsets.
  at::Tensor pool(const at::Tensor& maps, const at::Tensor& rois, const at::Tensor& offset) const;

  RoiOptions options_;
  double scale_;
  ConvUnit score_maps_, box_maps_, score_offsets_, box_offsets_;
};

}  // namespace lanner::detectors
