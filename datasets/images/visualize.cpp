#include "lanner/datasets/images/visualize.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "lanner/datasets/error.h"

namespace lanner::datasets {
namespace {

constexpr int kCellMargin = 2;  // pixels between the edge of a cell and its image

// Hues of consecutive labels differ by the golden angle, so that they are easy to tell apart.
cv::Scalar label_color(int64_t label) {
  const double degrees = std::fmod(static_cast<double>(label) * 137.508, 360);
  const double hue = degrees / 2;  // OpenCV's 8-bit hues are 0..180
  cv::Mat hsv(1, 1, CV_8UC3, cv::Scalar(hue, 210, 235)), rgb;
  cv::cvtColor(hsv, rgb, cv::COLOR_HSV2RGB);
  const auto pixel = rgb.at<cv::Vec3b>(0, 0);
  return {double(pixel[0]), double(pixel[1]), double(pixel[2])};
}

}  // namespace

void draw(cv::Mat& rgb, const std::vector<Label>& labels) {
  if (rgb.type() != CV_8UC3)
    throw usage_error("image: expected CV_8UC3, got " + cv::typeToString(rgb.type()));
  const int short_side = std::min(rgb.cols, rgb.rows);
  const int thickness = std::max(1, short_side / 350);
  const double font_scale = std::clamp(short_side / 1100., 0.35, 1.2);
  for (const auto& label : labels) {
    const cv::Point corner(static_cast<int>(std::lround(label.box.x1)),
                           static_cast<int>(std::lround(label.box.y1)));
    const cv::Point opposite(static_cast<int>(std::lround(label.box.x2)),
                             static_cast<int>(std::lround(label.box.y2)));
    cv::rectangle(rgb, corner, opposite, label_color(label.label), thickness, cv::LINE_AA);
  }
  // Text is drawn after all boxes so that their lines do not cross it. It goes above its box, below
  // it, or inside it at the top or bottom: the first of these places that lies within the image and
  // overlaps no other text. If there is none, it goes above the box, shifted into the image.
  std::vector<cv::Rect> text_areas;
  const cv::Rect image(0, 0, rgb.cols, rgb.rows);
  for (const auto& label : labels) {
    if (label.text.empty()) continue;
    int baseline = 0;
    const auto size =
        cv::getTextSize(label.text, cv::FONT_HERSHEY_SIMPLEX, font_scale, 1, &baseline);
    const int height = size.height + baseline / 2 + 3, width = size.width + 4;
    const int x =
        std::clamp(static_cast<int>(std::lround(label.box.x1)), 0, std::max(0, rgb.cols - width));
    const int top = static_cast<int>(std::lround(label.box.y1));
    const int bottom = static_cast<int>(std::lround(label.box.y2));
    int y = std::clamp(top - height, 0, std::max(0, rgb.rows - height));
    for (const int candidate : {top - height, bottom, top, bottom - height}) {
      const cv::Rect text_area(x, candidate, width, height);
      const bool is_free =
          std::none_of(text_areas.begin(), text_areas.end(),
                       [&](const cv::Rect& other) { return (text_area & other).area() > 0; });
      if ((text_area & image) != text_area || !is_free) continue;
      y = candidate;
      break;
    }
    text_areas.emplace_back(x, y, width, height);
    const auto fill = label_color(label.label);
    cv::rectangle(rgb, text_areas.back(), fill, cv::FILLED);
    const double brightness = 0.3 * fill[0] + 0.59 * fill[1] + 0.11 * fill[2];
    cv::putText(rgb, label.text, {x + 2, y + size.height + 2}, cv::FONT_HERSHEY_SIMPLEX, font_scale,
                brightness > 128 ? cv::Scalar::all(0) : cv::Scalar::all(255), 1, cv::LINE_AA);
  }
}

cv::Mat contact_sheet(const std::vector<cv::Mat>& images, int columns, int cell_size) {
  const int rows = (static_cast<int>(images.size()) + columns - 1) / columns;
  cv::Mat sheet(rows * cell_size, columns * cell_size, CV_8UC3, cv::Scalar::all(32));
  for (size_t i = 0; i < images.size(); ++i) {
    const double scale = (cell_size - 2. * kCellMargin) / std::max(images[i].cols, images[i].rows);
    cv::Mat small;
    const cv::Size size(std::max(1, static_cast<int>(images[i].cols * scale)),
                        std::max(1, static_cast<int>(images[i].rows * scale)));
    cv::resize(images[i], small, size, 0, 0, scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
    const int column = static_cast<int>(i) % columns, row = static_cast<int>(i) / columns;
    small.copyTo(
        sheet(cv::Rect(column * cell_size + (cell_size - small.cols) / 2,
                       row * cell_size + (cell_size - small.rows) / 2, small.cols, small.rows)));
  }
  return sheet;
}

}  // namespace lanner::datasets
