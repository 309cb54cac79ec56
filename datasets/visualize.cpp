#include "lanner/datasets/visualize.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace lanner::datasets {
namespace {

// Hues a golden angle apart: neighbours in the list of classes are never alike.
cv::Scalar colour(int64_t label) {
  const double hue = std::fmod(static_cast<double>(label) * 137.508, 360) / 2;
  cv::Mat hsv(1, 1, CV_8UC3, cv::Scalar(hue, 210, 235)), rgb;
  cv::cvtColor(hsv, rgb, cv::COLOR_HSV2RGB);
  const auto pixel = rgb.at<cv::Vec3b>(0, 0);
  return {double(pixel[0]), double(pixel[1]), double(pixel[2])};
}

}  // namespace

void draw(cv::Mat& rgb, const std::vector<Label>& labels) {
  const int side = std::min(rgb.cols, rgb.rows);
  const int thickness = std::max(1, side / 350);
  const double scale = std::clamp(side / 1100., 0.35, 1.2);
  for (const auto& label : labels) {
    const cv::Point corner(static_cast<int>(std::lround(label.box.x1)),
                           static_cast<int>(std::lround(label.box.y1)));
    const cv::Point opposite(static_cast<int>(std::lround(label.box.x2)),
                             static_cast<int>(std::lround(label.box.y2)));
    cv::rectangle(rgb, corner, opposite, colour(label.label), thickness, cv::LINE_AA);
  }
  // Text last, so that no box runs through it: above its box, below, or inside, where it covers no
  // other text and stays within the image; above or wherever there is room as a last resort.
  std::vector<cv::Rect> written;
  const cv::Rect image(0, 0, rgb.cols, rgb.rows);
  for (const auto& label : labels) {
    if (label.text.empty()) continue;
    int baseline = 0;
    const auto size = cv::getTextSize(label.text, cv::FONT_HERSHEY_SIMPLEX, scale, 1, &baseline);
    const int height = size.height + baseline / 2 + 3, width = size.width + 4;
    const int x =
        std::clamp(static_cast<int>(std::lround(label.box.x1)), 0, std::max(0, rgb.cols - width));
    const int top = static_cast<int>(std::lround(label.box.y1));
    const int bottom = static_cast<int>(std::lround(label.box.y2));
    int y = std::clamp(top - height, 0, std::max(0, rgb.rows - height));
    for (const int wanted : {top - height, bottom, top, bottom - height}) {
      const cv::Rect bar(x, wanted, width, height);
      const bool free = std::none_of(written.begin(), written.end(), [&](const cv::Rect& other) {
        return (bar & other).area() > 0;
      });
      if ((bar & image) != bar || !free) continue;
      y = wanted;
      break;
    }
    written.emplace_back(x, y, width, height);
    const auto shade = colour(label.label);
    cv::rectangle(rgb, written.back(), shade, cv::FILLED);
    const double brightness = 0.3 * shade[0] + 0.59 * shade[1] + 0.11 * shade[2];
    cv::putText(rgb, label.text, {x + 2, y + size.height + 2}, cv::FONT_HERSHEY_SIMPLEX, scale,
                brightness > 128 ? cv::Scalar::all(0) : cv::Scalar::all(255), 1, cv::LINE_AA);
  }
}

cv::Mat contact_sheet(const std::vector<cv::Mat>& images, int columns, int cell) {
  const int rows = (static_cast<int>(images.size()) + columns - 1) / columns;
  cv::Mat sheet(rows * cell, columns * cell, CV_8UC3, cv::Scalar::all(32));
  for (size_t i = 0; i < images.size(); ++i) {
    const double scale = (cell - 4.) / std::max(images[i].cols, images[i].rows);
    cv::Mat small;
    const cv::Size size(std::max(1, static_cast<int>(images[i].cols * scale)),
                        std::max(1, static_cast<int>(images[i].rows * scale)));
    cv::resize(images[i], small, size, 0, 0, scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
    const int column = static_cast<int>(i) % columns, row = static_cast<int>(i) / columns;
    small.copyTo(sheet(cv::Rect(column * cell + (cell - small.cols) / 2,
                                row * cell + (cell - small.rows) / 2, small.cols, small.rows)));
  }
  return sheet;
}

}  // namespace lanner::datasets
