#pragma once

#include "lanner/datasets/loading/batch.h"
#include "lanner/detectors/detections.h"
#include "lanner/detectors/roi_heads/options.h"
#include "lanner/detectors/roi_heads/roi_head.h"
#include "lanner/detectors/rpn/rpn.h"

// The steps before and after the network of a RoI head, the same for every head.
namespace lanner::detectors {

struct RoiTargets {
  RoiBatch rois;      // sampled
  at::Tensor labels;  // [K] int64 in 0..C; 0 is background
  at::Tensor deltas;  // [K, 4] regression targets, only meaningful where the label is not 0
};

// Scalars.
struct RoiLosses {
  at::Tensor classifier, box_reg;
};

// Concatenates the boxes of each image, [Ki, 4], and adds their batch index.
RoiBatch to_rois(const std::vector<at::Tensor>& boxes);

// Adds the ground truth (boxes [Gi, 4], labels [Gi] in 1..C per image) to the proposals, matches
// them, and samples RoIs with torch's default generator (torchvision's RoIHeads), which `seeds`, if
// there are any, seed for each image. With Sampling::ohem all RoIs are returned;
// select_hard_examples() samples them later.
RoiTargets sample_rois(const Proposals& proposals, const std::vector<at::Tensor>& boxes,
                       const std::vector<at::Tensor>& labels, const std::vector<uint64_t>& seeds,
                       const RoiOptions& options);

// Online hard example mining (arXiv 1605.06409, section 2.2): reduces predictions and targets to
// the options.sampled_rois RoIs of highest loss per image, positive or negative. The loss is cross
// entropy, plus smooth L1 with beta 1 for positives.
void select_hard_examples(RoiPredictions& predictions, RoiTargets& targets,
                          const RoiOptions& options);

// Cross entropy, and smooth L1 of the positives divided by the number of RoIs. Of several ranks,
// the mean of the losses is that of all their RoIs.
RoiLosses roi_losses(const RoiPredictions& predictions, const RoiTargets& targets,
                     const RoiOptions& options);

// Decodes the predictions into detections per image: drops low scores and tiny boxes, clips boxes
// to `sizes`, applies NMS per class, keeps the options.max_detections best, and scales the boxes to
// `original_sizes`.
std::vector<Detections> select_detections(const RoiPredictions& predictions, const RoiBatch& rois,
                                          const std::vector<datasets::ImageSize>& sizes,
                                          const std::vector<datasets::ImageSize>& original_sizes,
                                          const RoiOptions& options);

}  // namespace lanner::detectors
