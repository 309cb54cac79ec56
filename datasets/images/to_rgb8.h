#pragma once

#include <opencv2/core/mat.hpp>

#include "lanner/ops/api.h"

namespace lanner::datasets {

// Converts an image of 1, 3 or 4 channels (gray; color; color and alpha, which is dropped) of 8 or
// 16 bits, or of floats in 0..1, to CV_8UC3, RGB. bgr: the order of its colors. May share the
// pixels of `image`. Throws usage_error for other types, empty images, and floats that are not in
// 0..1.
LANNER_API cv::Mat to_rgb8(const cv::Mat& image, bool bgr);

}  // namespace lanner::datasets
