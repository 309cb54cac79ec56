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
  // [K] float: how much each RoI counts in the losses; undefined: 1.
  at::Tensor weights{}, box_weights{};
};

// Scalars.
struct RoiLosses {
  at::Tensor classifier, box_reg;
};

// Concatenates the boxes of each image, [Ki, 4], and adds their batch index.
RoiBatch to_rois(const std::vector<at::Tensor>& boxes);

// Adds the batch's targets to the proposals, matches them, and samples RoIs with torch's default
// generator (torchvision's RoIHeads), which the batch's seeds, if there are any, seed for each
// image. With Sampling::ohem all RoIs are returned;
// select_hard_examples() samples them later.
RoiTargets sample_rois(const Proposals& proposals, const datasets::Batch& batch,
                       const RoiOptions& options);

// Online hard example mining (arXiv 1605.06409, section 2.2): reduces predictions and targets to
// the options.sampled_rois RoIs of highest loss per image, positive or negative. The loss is cross
// entropy, plus smooth L1 with beta 1 for positives.
void select_hard_examples(RoiPredictions& predictions, RoiTargets& targets,
                          const RoiOptions& options);

// Cross entropy, and smooth L1 of the positives divided by the number of RoIs: with weights, their
// sum. Of several ranks, the mean of the losses is that of all their RoIs.
RoiLosses roi_losses(const RoiPredictions& predictions, const RoiTargets& targets,
                     const RoiOptions& options);

// Returns the boxes that RoIs are moved to: [K, 4], x1, y1, x2, y2 in pixels of the batch, for the
// classes `labels` ([K] int64 in 1..C).
at::Tensor refined_boxes(const RoiPredictions& predictions, const at::Tensor& rois,
                         const at::Tensor& labels);

// The detections of an image among boxes in pixels of the batch, [D, 4], within `size`: drops tiny
// ones, applies NMS per class, keeps the options.max_detections best, and scales the boxes to
// `original_size`. labels: [D] int64 in 1..C; scores: [D].
Detections strongest(const at::Tensor& boxes, const at::Tensor& labels, const at::Tensor& scores,
                     const datasets::ImageSize& size, const datasets::ImageSize& original_size,
                     const RoiOptions& options);

// Decodes the predictions into detections per image: drops low scores, clips boxes to `sizes`, and
// keeps the strongest().
std::vector<Detections> select_detections(const RoiPredictions& predictions, const RoiBatch& rois,
                                          const std::vector<datasets::ImageSize>& sizes,
                                          const std::vector<datasets::ImageSize>& original_sizes,
                                          const RoiOptions& options);

}  // namespace lanner::detectors
