#pragma once

#include <opencv2/core/mat.hpp>
#include <string>

#include "lanner/datasets/checking/box_statistics.h"

namespace lanner::datasets {

// Draws histograms of box sizes and aspect ratios, and the number of objects per category.
cv::Mat draw_boxes(const BoxStatistics& boxes,
                   const std::vector<std::pair<std::string, int64_t>>& objects_per_class);

}  // namespace lanner::datasets
