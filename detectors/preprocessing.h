#pragma once

#include <opencv2/core/mat.hpp>
#include <vector>

#include "lanner/datasets/loading/batch.h"

// From images to the batch that a detector takes: resized, normalized, padded. Loader, program, C++
// and Python all go this way, so that one image gives the same detections everywhere.
namespace lanner::detectors {

struct DetectorOptions;

// images: CV_8UC3, RGB, of any sizes. The batch is on the CPU and has no targets.
datasets::Batch preprocess(const std::vector<cv::Mat>& images, const DetectorOptions& options);

// image: [3, H, W], RGB, uint8 or float in 0..1, as the image that preprocess() takes: float pixels
// become CV_32FC3 in 0..255 where the resize is torchvision's, else CV_8UC3, rounded. Throws
// usage_error naming `name` for other shapes and types, and for values that are not in 0..1.
cv::Mat to_mat(const at::Tensor& image, const std::string& name,
               datasets::Interpolation interpolation);

}  // namespace lanner::detectors
