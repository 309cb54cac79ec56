#pragma once

#include <opencv2/core/mat.hpp>
#include <string>

#include "lanner/datasets/box_statistics.h"

namespace lanner::datasets {

// Histograms of sides, ratios and objects by category.
cv::Mat draw_boxes(const BoxStatistics& boxes,
                   const std::vector<std::pair<std::string, int64_t>>& objects_of);

}  // namespace lanner::datasets
