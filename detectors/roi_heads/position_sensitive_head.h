#pragma once

#include "lanner/detectors/roi_heads/roi_head.h"

namespace lanner::detectors {

// R-FCN's RoI head (arXiv 1605.06409, section 2.2): a map of scores for each class and bin, one of
// boxes for each side and bin, made once for the image; a RoI averages its bins. On a pyramid every
// level has maps, by the same weights. Deformable, bins are moved by offsets that are pooled from
// maps of their own, one a class and one for boxes (arXiv 1703.06211, section 2.2).
class PositionSensitiveHead : public RoiHead {
 public:
  PositionSensitiveHead(const BackboneImpl& backbone, int64_t classes, const RoiOptions& options);
  RoiPredictions forward(const std::vector<at::Tensor>& features, const at::Tensor& rois) override;
  at::Tensor offsets(const std::vector<at::Tensor>& features, const at::Tensor& rois) override;

 private:
  using Levels = std::vector<at::Tensor>;
  Levels hidden(const Levels& features) const;
  // The maps [N, channels * bins * bins, H, W] of each level, pooled: [K, channels, bins, bins].
  at::Tensor pool(const ConvUnit& maps, const Levels& hidden, const at::Tensor& rois) const;
  // The same by deformable pooling; offset may be undefined.
  at::Tensor pool_deformed(const ConvUnit& maps, const Levels& hidden, const at::Tensor& rois,
                           const at::Tensor& offset) const;

  RoiOptions options_;
  std::vector<double> scales_;
  std::vector<ConvUnit> convs_;
  ConvUnit score_maps_, box_maps_, score_offsets_, box_offsets_;
};

}  // namespace lanner::detectors
