#pragma once

#include <filesystem>
#include <functional>
#include <opencv2/core/mat.hpp>

#include "lanner/detectors/detect_options.h"
#include "lanner/detectors/detector.h"

namespace lanner::detectors {

// One image, CV_8UC3 RGB of any size, resized, padded and normalised, on the detector's device.
datasets::Batch prepare_image(DetectorImpl& detector, const cv::Mat& rgb);

// One image, CV_8UC3 RGB of any size: its detections, on the CPU. The C++ caller's entry.
Detections detect_image(Detector& detector, const cv::Mat& rgb);

// Draws detections with at least `confidence` on an image, with class names and scores.
void draw(cv::Mat& rgb, const Detections& detections,
          const std::vector<datasets::Category>& categories, double confidence);

// What `lanner detect` does: annotated pictures and videos, and one JSON of COCO results with the
// name of each image. A source that cannot be read is reported and passed over, and bad_data is
// thrown at the end. stop() true ends it after the image at hand, with all that was found written.
void detect(const DetectOptions& options, const std::function<bool()>& stop);

}  // namespace lanner::detectors
