#pragma once

#include "lanner/ops/torch.h"

#include "lanner/detectors/pretraining/options.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// Two views of each image, and boxes that both show.
struct RegionViews {
  at::Tensor first, second;            // [N, 3, V, V]
  at::Tensor first_rois, second_rois;  // [N * candidates, 5], image by image: row i of both is
                                       // the same region; index, x1, y1, x2, y2 in view pixels
  at::Tensor salience;                 // [N, candidates]: how much each region stands out
};

// Crops two squares of each image, mirrors some, and changes their colors. Draws boxes of random
// sizes and shapes within what both show. images: [N, 3, S, S], normalized. Uses torch's default
// generator.
LANNER_API RegionViews region_views(const at::Tensor& images, const RegionOptions& options,
                                    const PatchOptions& colors);

// Chooses `count` of each image's candidates at random, with probabilities in proportion to their
// weights, [N, candidates]. Returns the rows of the chosen ones, [N * count], image by image.
LANNER_API at::Tensor choose_regions(const at::Tensor& weights, int64_t count);

// InfoNCE between regions (arXiv 1807.03748, section 2.3): prediction i identifies target i, among
// those targets that are no second sight of the same thing: whose cosine with target i is at most
// `same`. predictions, targets: [K, D].
struct RegionNce {
  at::Tensor loss, accuracy;  // scalars
  at::Tensor candidates;      // [K]: targets that a prediction is compared with, the right one too
};
LANNER_API RegionNce region_nce(const at::Tensor& predictions, const at::Tensor& targets,
                                double temperature, double same);

// [K, K] bool: which targets are alike, by their cosine after their mean was subtracted. Each is
// like itself.
LANNER_API at::Tensor alike(const at::Tensor& targets, double same);

}  // namespace lanner::detectors
