#pragma once

#include "lanner/detectors/roi_heads/roi_head.h"

namespace lanner::detectors {

// The RoI head of R-FCN (arXiv 1605.06409, section 2.2). Convolutions compute a score map for each
// class and bin, and a map for each box delta and bin, once per image. A RoI pools each bin from
// its own map and averages the bins. On a pyramid, every level has maps, with shared weights. In
// the deformable form (arXiv 1703.06211, section 2.2), bins are shifted by offsets pooled from
// further maps, with separate offsets for each class and for the boxes.
class PositionSensitiveHead : public RoiHead {
 public:
  // classes: number of classes without background.
  PositionSensitiveHead(const BackboneImpl& backbone, int64_t classes, const RoiOptions& options);
  RoiPredictions forward(const std::vector<at::Tensor>& features, const at::Tensor& rois) override;
  at::Tensor offsets(const std::vector<at::Tensor>& features, const at::Tensor& rois) override;

 private:
  using Levels = std::vector<at::Tensor>;
  Levels apply_convs(const Levels& features) const;
  // Computes the maps, [N, channels * bins * bins, H, W] per level, and pools them to
  // [K, channels, bins, bins].
  at::Tensor pool(const ConvUnit& maps, const Levels& hidden, const at::Tensor& rois) const;
  // The same with deformable pooling; the offset may be undefined.
  at::Tensor deform_pool(const ConvUnit& maps, const Levels& hidden, const at::Tensor& rois,
                         const at::Tensor& offset) const;

  RoiOptions options_;
  std::vector<double> scales_;
  std::vector<ConvUnit> convs_;
  ConvUnit score_maps_, box_maps_, score_offsets_, box_offsets_;
};

}  // namespace lanner::detectors
