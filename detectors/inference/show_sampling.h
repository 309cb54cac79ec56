#pragma once

#include <opencv2/core/mat.hpp>

#include "lanner/detectors/detector.h"

namespace lanner::detectors {

// Draws how a diffusion detector samples the boxes of an image: a picture for the boxes that each
// step begins with, with their level of noise, and one for the last step's result, the better a box
// is the brighter. rgb: CV_8UC3. Throws usage_error for another detector.
cv::Mat draw_sampling(const cv::Mat& rgb, Detector& detector);

}  // namespace lanner::detectors
