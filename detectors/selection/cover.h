#pragma once

#include "lanner/ops/torch.h"

#include <vector>

#include "lanner/detectors/selection/options.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// Chooses `count` images whose regions stand for those of all images.
// features: [N, R, D] float, of R regions per image; `already`: indices of images that are covered
// from the beginning, and are not chosen. Returns indices, the first chosen first; fewer than
// `count` where there are no more images.
// coverage: the greedy algorithm for facility location (arXiv 1407.6810, section 2), on at most
// 4,000 regions; k_center: the greedy 2-approximation (arXiv 1708.00489, algorithm 1); k_means: the
// seeding of k-means++.
LANNER_API std::vector<int64_t> choose_cover(const at::Tensor& features, int count,
                                             const std::vector<int64_t>& already, Cover cover,
                                             uint64_t seed);

}  // namespace lanner::detectors
