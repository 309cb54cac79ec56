#pragma once

#include <opencv2/core/mat.hpp>
#include <vector>

#include "lanner/detectors/detector.h"
#include "lanner/detectors/inference/options.h"

namespace lanner::detectors {

// The corners of tiles of `side` that cover a length, evenly spaced, each sharing at least
// `overlap` of itself with the next.
std::vector<int> tile_positions(int length, int side, double overlap);

// Detects in images, CV_8UC3, RGB: in the region, in tiles beside the whole, mirrored, and at
// several scales, as the options say, and merges what was found several times: by NMS per class,
// and by dropping objects that a tile's border cuts where another view has the whole. Boxes are on
// the CPU, in pixels of the images. Thread-safe as DetectorImpl::detect() is.
LANNER_API std::vector<Detections> detect_views(Detector& detector,
                                                const std::vector<cv::Mat>& images,
                                                const ViewOptions& options);

}  // namespace lanner::detectors
