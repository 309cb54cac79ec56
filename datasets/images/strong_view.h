#pragma once

#include <opencv2/core/matx.hpp>
#include <random>

#include "lanner/datasets/images/strong_view_options.h"
#include "lanner/datasets/sample.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// Makes the sample its own strong view, of the same size, mirrored with probability `flip`. Objects
// are moved with it, and dropped where less than a quarter of them stays inside. Returns the map
// from pixels before to pixels after: (x', y') = M (x, y, 1).
LANNER_API cv::Matx23d strong_view(Sample& sample, const StrongViewOptions& options, double flip,
                                   std::mt19937_64& random);

// The smallest box around the mapped corners.
LANNER_API Box mapped(const Box& box, const cv::Matx23d& map);

}  // namespace lanner::datasets
