#pragma once

#include <array>
#include <vector>

#include "lanner/datasets/dataset.h"
#include "lanner/datasets/options.h"

namespace lanner::datasets {

// What part of the boxes lies below each of these.
inline constexpr std::array kQuantiles{0., .05, .25, .5, .75, .95, 1.};
using Quantiles = std::array<double, kQuantiles.size()>;

struct AnchorFit {
  std::vector<double> sizes, ratios;  // pixels after resizing; height / width
  // Of each box with the anchor that suits it best, centres laid on one another.
  double mean_iou = 0;
  double covered = 0;  // the part of the boxes that have an anchor of IoU 0.5 or more
};

struct BoxStatistics {
  Quantiles width{}, height{}, side{}, ratio{};  // side: root of the area; ratio: height / width
  std::array<int64_t, 3> areas{};     // up to 32^2, to 96^2, above: COCO's small, medium and large
  std::vector<double> sides, ratios;  // of every box
  AnchorFit suggested;                // five sizes and three ratios, by k-means of their logarithms
  AnchorFit common;                   // 32, 64 .. 512 and 0.5, 1, 2
};

// Crowds are left out. Zeros where there is no box.
BoxStatistics measure_boxes(const Dataset& dataset, const ResizeOptions& resize);

}  // namespace lanner::datasets
