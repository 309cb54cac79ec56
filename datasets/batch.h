#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "lanner/datasets/options.h"
#include "lanner/datasets/sample.h"

namespace lanner::datasets {

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

// Normalises and pads bottom and right to a common size, a multiple of `divisor`. Crowd boxes are
// no targets and left out.
Batch collate(const std::vector<Sample>& samples, const Normalisation& normalisation, int divisor);

}  // namespace lanner::datasets
