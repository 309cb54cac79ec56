#pragma once

#include <torch/torch.h>

#include <vector>

#include "lanner/detectors/backbones/backbone.h"
#include "lanner/detectors/options.h"

namespace lanner::detectors {

// Where RoIs of all images are pooled from.
struct RoiBatch {
  at::Tensor rois;                 // [K, 5]: batch index, x1, y1, x2, y2 in the pixels of the batch
  std::vector<int64_t> per_image;  // they sum to K
};

struct RoiPredictions {
  at::Tensor logits;  // [K, C + 1]; column 0 is background
  at::Tensor deltas;  // [K, 4 * (C + 1)], or [K, 4] where boxes do not depend on the class
};

// A detector's second stage: what Faster R-CNN and R-FCN differ in.
class RoiHead : public torch::nn::Module {
 public:
  virtual RoiPredictions forward(const std::vector<at::Tensor>& features,
                                 const at::Tensor& rois) = 0;

  // The offsets of deformable pooling, [K, 2, bins, bins], horizontal then vertical, as fractions
  // of the RoI's size; undefined where pooling is plain. R-FCN: those of the boxes' maps.
  virtual at::Tensor offsets(const std::vector<at::Tensor>&, const at::Tensor&) { return {}; }
};

// How far a bin of deformable pooling is moved by an offset of 1, as a fraction of the RoI's size.
constexpr double kOffsetScale = 0.1;

// 3x3 convolutions with a norm and ReLU, from `in` to `out` channels: modules "0", "1", .. of
// `owner`.
std::vector<ConvUnit> add_convolutions(torch::nn::Module& owner, int64_t count, int64_t in,
                                       int64_t out, Norm kind);

// The head that the options ask for. It may borrow a stage of the backbone's body, which stays the
// backbone's by name.
std::shared_ptr<RoiHead> make_roi_head(const DetectorOptions& options, const Backbone& backbone);

}  // namespace lanner::detectors
