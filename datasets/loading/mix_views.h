#pragma once

#include <random>
#include <vector>

#include "lanner/datasets/loading/view_pairs.h"

namespace lanner::datasets {

// Mixes some of the strong views with others of the batch: mosaics of four, and means of two
// (mixup, arXiv 1710.09412). maps: from weak to strong views, per sample. Returns the parts of each
// view.
LANNER_API std::vector<std::vector<ViewPart>> mix_views(std::vector<Sample>& strong,
                                                        const std::vector<cv::Matx23d>& maps,
                                                        const StrongViewOptions& options,
                                                        std::mt19937_64& random);

}  // namespace lanner::datasets
