#pragma once

#include "lanner/ops/torch.h"

namespace lanner::detectors {

constexpr int64_t kNegative = -1, kIgnored = -2;

// Matches boxes to ground truth (torchvision's Matcher). iou: [G, N], of G ground-truth boxes and N
// boxes; G may be 0. Returns [N] int64: the index of the ground-truth box of highest IoU, kNegative
// where that IoU is below `negative_iou`, or kIgnored where it is between the thresholds. With
// `allow_low_quality`, every box that attains the highest IoU of some ground-truth box is positive,
// however low that IoU; it is matched to its own best ground-truth box.
at::Tensor match(const at::Tensor& iou, double positive_iou, double negative_iou,
                 bool allow_low_quality);

// Indices of sampled boxes, each [n] int64.
struct SampledBoxes {
  at::Tensor positive, negative;
};

// Samples up to `count` boxes without replacement, at most the fraction `positive_fraction` of them
// positive, with torch's default generator. matches: [N], as returned by match().
SampledBoxes sample(const at::Tensor& matches, int64_t count, double positive_fraction);

}  // namespace lanner::detectors
