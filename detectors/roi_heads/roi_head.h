#pragma once

#include "lanner/ops/torch.h"

#include <vector>

#include "lanner/detectors/backbones/backbone.h"

namespace lanner::detectors {

struct DetectorOptions;

// The RoIs of all images of a batch, image by image.
struct RoiBatch {
  at::Tensor rois;                 // [K, 5]: batch index, x1, y1, x2, y2 in pixels of the batch
  std::vector<int64_t> per_image;  // number of RoIs per image; sums to K
};

struct RoiPredictions {
  at::Tensor logits;  // [K, C + 1]; column 0 is background
  at::Tensor deltas;  // [K, 4 * (C + 1)], or [K, 4] if box regression is class-agnostic
};

// The second stage of a detector, in which Faster R-CNN and R-FCN differ.
class RoiHead : public torch::nn::Module {
 public:
  // features: [N, channels, Hi, Wi] per level, finest first; rois: [K, 5], batch index, x1, y1, x2,
  // y2 in pixels of the batch.
  virtual RoiPredictions forward(const std::vector<at::Tensor>& features,
                                 const at::Tensor& rois) = 0;

  // Returns the bin offsets of deformable pooling, [K, 2, bins, bins], horizontal then vertical, as
  // fractions of the RoI's size; for R-FCN, those of the box maps. Undefined if the pooling is not
  // deformable.
  virtual at::Tensor offsets(const std::vector<at::Tensor>&, const at::Tensor&) { return {}; }
};

// The shift of a bin for a predicted offset of 1 in deformable pooling, as a fraction of the RoI's
// size (gamma in arXiv 1703.06211, section 2.2).
constexpr double kOffsetScale = 0.1;

// Adds `count` 3x3 convolutions with norm and ReLU, from `in` to `out` channels, to `owner` as
// modules "0", "1", ..
std::vector<ConvUnit> add_convolutions(torch::nn::Module& owner, int64_t count, int64_t in,
                                       int64_t out, Norm kind);

// Creates the RoI head for options.model and options.backbone.neck. The head of C4 runs stage 4 of
// the backbone's body, which remains registered in the backbone.
std::shared_ptr<RoiHead> make_roi_head(const DetectorOptions& options, const Backbone& backbone);

}  // namespace lanner::detectors
