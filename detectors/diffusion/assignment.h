#pragma once

#include "lanner/ops/torch.h"

#include "lanner/ops/api.h"

namespace lanner::detectors {

// Which object each predicted box of an image is to become.
struct Assignment {
  at::Tensor boxes, objects;  // [M] int64: indices of matched predictions and of their objects
};

// Dynamic assignment (OTA, arXiv 2103.14259, and SimOTA, 2107.08430): each object gets as many of
// the cheapest predictions as the sum of its `candidates` best IoUs says, at least `min_matches`; a
// prediction that several want goes to the one it is cheapest for, but each object keeps one as far
// as there are enough. scores: [N, C]; boxes: [N, 4], x1, y1, x2, y2 in pixels; objects: [G, 4],
// labels: [G] int64 in 1..C. Records no gradients.
LANNER_API Assignment assign(const at::Tensor& scores, const at::Tensor& boxes,
                             const at::Tensor& objects, const at::Tensor& labels, double width,
                             double height, int64_t candidates, int64_t min_matches);

// The cost of each prediction for each object, [N, G]: 2 of focal loss (arXiv 1708.02002), 5 of L1
// of normalized corners, -2 of generalized IoU, 100 where the center is not in the object, 10,000
// where it is not near any.
LANNER_API at::Tensor assignment_cost(const at::Tensor& scores, const at::Tensor& boxes,
                                      const at::Tensor& objects, const at::Tensor& labels,
                                      double width, double height);

}  // namespace lanner::detectors
