#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "lanner/datasets/options.h"
#include "lanner/datasets/sample.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// Input of a detector: images padded to one size and, for training, their targets. Image i has Gi
// targets.
struct Batch {
  at::Tensor images;                      // [N, 3, H, W] float, normalized, 0 where padded
  std::vector<ImageSize> sizes;           // of each image without its padding
  std::vector<ImageSize> original_sizes;  // before resizing
  std::vector<at::Tensor> boxes;          // [Gi, 4] float: x1, y1, x2, y2 in pixels after resizing
  std::vector<at::Tensor> labels;         // [Gi] int64: 1..C
  // [Gi] float: how much box regression learns from each target; none: 1.
  std::vector<at::Tensor> box_weights{};
  std::vector<int64_t> image_ids;
  std::vector<std::string> paths;
  // Of the random choices that a loss makes for each image; none: torch's default generator goes
  // on.
  std::vector<uint64_t> seeds{};

  int64_t size() const { return static_cast<int64_t>(sizes.size()); }
};

// Normalizes the images and pads them at the right and bottom to a common size, a multiple of
// `divisor`. Crowd boxes are not targets, so they are left out.
LANNER_API Batch collate(const std::vector<Sample>& samples, const Normalization& normalization,
                         int divisor);

}  // namespace lanner::datasets
