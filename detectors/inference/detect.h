#pragma once

#include <filesystem>
#include <functional>
#include <opencv2/core/mat.hpp>

#include "lanner/datasets/results/image_results.h"
#include "lanner/detectors/detector.h"
#include "lanner/detectors/inference/options.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// Runs a detector in evaluation mode on one image, CV_8UC3, RGB, of any size. Returns detections on
// the CPU, with boxes in pixels of the image. Throws usage_error for another type and for an empty
// image. Thread-safe as DetectorImpl::detect() is.
LANNER_API Detections detect_image(Detector& detector, const cv::Mat& rgb);

// The detections of at least the score `confidence`, 0..1.
LANNER_API std::vector<datasets::FoundObject> to_objects(const Detections& detections,
                                                         double confidence);

// Draws the detections of at least the score `confidence`, 0..1, on an image, with class names and
// scores. Boxes are in pixels of the image.
LANNER_API void draw(cv::Mat& rgb, const Detections& detections,
                     const std::vector<datasets::Category>& categories, double confidence);

// Implements `lanner detect`: writes annotated images and videos, and one JSON file of COCO results
// with the file name of each image. Reports a source that cannot be read, continues, and throws
// bad_data at the end. When stop() returns true, finishes the current image and writes all results
// found so far. Throws Error for options that contradict each other and for missing files.
LANNER_API void detect(const DetectOptions& options, const std::function<bool()>& stop);

}  // namespace lanner::detectors
