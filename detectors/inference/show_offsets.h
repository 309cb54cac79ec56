#pragma once

#include <opencv2/core/mat.hpp>

#include "lanner/detectors/detector.h"

namespace lanner::detectors {

// Draws the sampling locations of a deformable detector for its best detections, at most four, of
// at least the score `confidence`. Dots are the feature map positions that the last convolutions of
// the last three deformable blocks read for the center of the object, for the first offset group
// (arXiv 1703.06211, figure 6). Rectangles are the bins of deformable RoI pooling (figure 7). rgb:
// CV_8UC3; boxes of the detections are in its pixels. Throws usage_error if the detector has no
// deformable layers.
void draw_offsets(cv::Mat& rgb, Detector& detector, const Detections& detections,
                  double confidence);

}  // namespace lanner::detectors
