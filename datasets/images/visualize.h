#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

struct Label {
  Box box;
  int64_t label = 0;  // selects the color
  std::string text;
};

// Draws boxes in one color per class. The text is drawn on a filled background, outside the box if
// it fits there.
LANNER_API void draw(cv::Mat& rgb, const std::vector<Label>& labels);

// Draws images in a grid of `columns` columns, each scaled to fit a square cell with sides of
// `cell_size` pixels.
LANNER_API cv::Mat contact_sheet(const std::vector<cv::Mat>& images, int columns, int cell_size);

}  // namespace lanner::datasets
