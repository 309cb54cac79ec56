#pragma once

#include <torch/torch.h>

namespace lanner::detectors {

constexpr int64_t kNegative = -1, kIgnored = -2;

// For each of N boxes the index of its target box, kNegative where the best IoU is below
// `negative_iou`, kIgnored between the two. With `keep_best`, each target also gets every box that
// ties for its best IoU, however low; such a box keeps its own best target (torchvision's Matcher).
// iou: [G, N], targets by boxes; G may be 0: all negative.
at::Tensor match(const at::Tensor& iou, double positive_iou, double negative_iou, bool keep_best);

// Chosen at random (torch's generator): indices of positives and negatives.
struct SampledBoxes {
  at::Tensor positive, negative;
};

// At most `count` boxes, at most `positive_fraction` of them positive. matches: [N] as from
// match().
SampledBoxes sample(const at::Tensor& matches, int64_t count, double positive_fraction);

}  // namespace lanner::detectors
