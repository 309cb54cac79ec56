#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

// One image on its way to the network; boxes are in the pixels of `rgb`.
struct Sample {
  cv::Mat rgb;  // CV_8UC3
  std::vector<Object> objects;
  int64_t image_id = 0;
  std::string path;
  int original_width = 0, original_height = 0;
};

struct ImageSize {
  int64_t height = 0, width = 0;
};

// What a detector takes: images padded to one size, and their targets while training.
struct Batch {
  at::Tensor images;                      // [N, 3, H, W] float, normalised, 0 where padded
  std::vector<ImageSize> sizes;           // of each image within its padding
  std::vector<ImageSize> original_sizes;  // before resizing
  std::vector<at::Tensor> boxes;          // [Gi, 4] float: x1, y1, x2, y2 in the pixels of `sizes`
  std::vector<at::Tensor> labels;         // [Gi] int64: 1..C
  std::vector<int64_t> image_ids;
  std::vector<std::string> paths;

  int64_t size() const { return static_cast<int64_t>(sizes.size()); }
};

}  // namespace lanner::datasets
