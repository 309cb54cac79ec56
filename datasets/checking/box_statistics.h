#pragma once

#include <array>
#include <vector>

#include "lanner/datasets/dataset.h"
#include "lanner/datasets/options.h"

namespace lanner::datasets {

// Fractions of the boxes at which quantiles are reported.
inline constexpr std::array kQuantiles{0., .05, .25, .5, .75, .95, 1.};
using Quantiles = std::array<double, kQuantiles.size()>;

struct AnchorFit {
  std::vector<double> sizes, ratios;  // pixels after resizing; height / width
  // Mean IoU of each box with its best anchor, both centered at the same point.
  double mean_iou = 0;
  double covered = 0;  // fraction of boxes whose best anchor has an IoU of at least 0.5
};

struct BoxStatistics {
  Quantiles width{}, height{}, side{},
      ratio{};                     // side: square root of the area; ratio: height / width
  std::array<int64_t, 3> areas{};  // small, medium, large as in COCO: up to 32^2, up to 96^2, above
  std::vector<double> sides, ratios;  // of every box
  AnchorFit suggested;                // five sizes and three ratios: k-means of the logarithms
  AnchorFit common;                   // sizes 32, 64 .. 512, ratios 0.5, 1, 2
};

// Crowds are ignored. All values are zero if there are no boxes.
BoxStatistics measure_boxes(const Dataset& dataset, const ResizeOptions& resize);

}  // namespace lanner::datasets
