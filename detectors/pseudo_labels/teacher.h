#pragma once

#include "lanner/ops/torch.h"

#include <opencv2/core/matx.hpp>
#include <vector>

#include "lanner/datasets/loading/view_pairs.h"
#include "lanner/detectors/detector.h"
#include "lanner/detectors/pseudo_labels/class_thresholds.h"

namespace lanner::detectors {

struct PseudoLabels {
  // Per image, in pixels of the weak view: [Pi, 4], [Pi] int64 in 1..C, and [Pi].
  std::vector<at::Tensor> boxes, labels, scores;
  std::vector<at::Tensor> steady;  // [Pi] float: 1 where box regression can learn from the box
  RoiWeights weights;              // for the losses on the strong views; may be empty
};

// Boxes [N, 4] in pixels of a strong view, of those in pixels of the weak one: the smallest around
// their mapped corners.
LANNER_API at::Tensor map_boxes(const at::Tensor& boxes, const cv::Matx23d& map);

// Labels views by a detector in evaluation mode: the exponential average of the one that is trained
// (Unbiased Teacher, arXiv 2102.09480; Soft Teacher, arXiv 2106.09018). Records no gradients. Draws
// jitters with torch's default generator.
LANNER_API PseudoLabels label_views(Detector& teacher, const datasets::ViewPairs& pairs,
                                    ClassThresholds& thresholds, const PseudoLabelOptions& options);

// Gives the strong views the pseudo-labels as targets, moved with the pixels. Those of which less
// than a quarter is inside are dropped.
LANNER_API void set_pseudo_targets(datasets::ViewPairs& pairs, const PseudoLabels& labels);

}  // namespace lanner::detectors
