#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

// An image with its objects before batching. Boxes are in pixels of `rgb`.
struct Sample {
  cv::Mat rgb;  // CV_8UC3; after torchvision's resize CV_32FC3 in 0..255
  std::vector<Object> objects;
  int64_t image_id = 0;
  std::string path;
  int original_width = 0, original_height = 0;
};

struct ImageSize {
  int64_t height = 0, width = 0;
};

}  // namespace lanner::datasets
