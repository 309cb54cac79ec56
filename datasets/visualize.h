#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

struct Label {
  Box box;
  int64_t label = 0;  // chooses the colour
  std::string text;
};

// Draws boxes, a colour a class, with their text in a thin bar outside the box where there is room.
void draw(cv::Mat& rgb, const std::vector<Label>& labels);

// Images side by side on one sheet, each within a square of `cell` pixels.
cv::Mat contact_sheet(const std::vector<cv::Mat>& images, int columns, int cell);

}  // namespace lanner::datasets
