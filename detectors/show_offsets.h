#pragma once

#include <opencv2/core/mat.hpp>

#include "lanner/detectors/detector.h"

namespace lanner::detectors {

// Draws where a deformable detector looked for its best detections of at least `confidence` (at
// most four): as dots, the cells of the features that the last deformable convolutions of the last
// three deformable blocks read for the object's centre (arXiv 1703.06211, figure 6; of the first
// group of channels); as rectangles, the bins of deformable RoI pooling (figure 7). Throws
// usage_error for a detector without either.
void draw_offsets(cv::Mat& rgb, Detector& detector, const Detections& detections,
                  double confidence);

}  // namespace lanner::detectors
