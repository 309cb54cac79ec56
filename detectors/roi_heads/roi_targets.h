#pragma once

#include "lanner/datasets/batch.h"
#include "lanner/detectors/roi_heads/roi_head.h"
#include "lanner/detectors/rpn.h"

namespace lanner::detectors {

// What a RoI head does before and after its network, the same for every head.

struct RoiTargets {
  RoiBatch rois;      // sampled
  at::Tensor labels;  // [K] int64, 0 is background
  at::Tensor deltas;  // [K, 4] regression targets, of meaning where the label is not 0
};

struct RoiLosses {
  at::Tensor classifier, box_reg;
};

// One image's results.
struct Detections {
  at::Tensor boxes;   // [D, 4]: x1, y1, x2, y2 in the original image's pixels
  at::Tensor labels;  // [D] int64: 1..C
  at::Tensor scores;  // [D] float, descending
};

RoiBatch to_rois(const std::vector<at::Tensor>& boxes);

// Adds the ground truth to the proposals, matches and samples (algorithms of torchvision's
// RoIHeads); all of them are taken for online hard example mining, which samples later.
RoiTargets sample_rois(const Proposals& proposals, const std::vector<at::Tensor>& boxes,
                       const std::vector<at::Tensor>& labels, const RoiOptions& options);

// Online hard example mining (arXiv 1605.06409, section 2.2): keeps the sampled_rois RoIs of each
// image whose losses (cross entropy, and for positives smooth L1 of beta 1) are greatest, positive
// or not.
void keep_hardest(RoiPredictions& predictions, RoiTargets& targets, const RoiOptions& options);

RoiLosses roi_losses(const RoiPredictions& predictions, const RoiTargets& targets,
                     const RoiOptions& options);

// Scores, decodes, clips, drops the unlikely and the small, suppresses within each class, keeps the
// best, and scales to the original images.
std::vector<Detections> select_detections(const RoiPredictions& predictions, const RoiBatch& rois,
                                          const std::vector<datasets::ImageSize>& sizes,
                                          const std::vector<datasets::ImageSize>& original_sizes,
                                          const RoiOptions& options);

}  // namespace lanner::detectors
