#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// The statistics of a data set that decide how to train on it. Lengths are in pixels of the images
// as stored; those of objects are scaled as if all images had the median short side.
struct DataSummary {
  int64_t images = 0, objects = 0, classes = 0;
  double short_side = 0, long_side = 0;  // of the images: medians
  // Quantiles of the objects' sides (square roots of their areas): 2, 10, 50, 90 and 98 %.
  std::array<double, 5> sides{};
  std::array<double, 2> ratios{1, 1};  // height / width: 5 and 95 %
  double objects_per_image = 0;        // 98 % quantile
  // Whether class names tell left from right, or are letters and digits, so that mirroring an image
  // changes what it shows.
  bool mirroring_changes_classes = false;
};

// Reads the sizes of up to 200 images where the annotations have none. Crowds, and
// images that cannot be read, are ignored.
LANNER_API DataSummary summarize(const Dataset& dataset);

// Whether class names tell left from right, or most (and at least two) are single letters and
// digits.
LANNER_API bool mirroring_changes_classes(const std::vector<Category>& categories);

}  // namespace lanner::datasets
