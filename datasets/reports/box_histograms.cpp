#include "lanner/datasets/reports/box_histograms.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

namespace lanner::datasets {
namespace {

// Draws a histogram of the values between `low` and `high` with a logarithmic axis.
void draw_histogram(cv::Mat sheet, const std::vector<double>& values, double low, double high,
                    const std::vector<double>& ticks, const std::string& title) {
  constexpr int kBins = 40, kMargin = 24;
  std::array<int, kBins> counts{};
  const auto position = [&](double value) { return std::log(value / low) / std::log(high / low); };
  for (const double value : values)
    ++counts[std::clamp(static_cast<int>(position(std::max(value, low)) * kBins), 0, kBins - 1)];
  const int max_count = std::max(1, *std::max_element(counts.begin(), counts.end()));
  const int width = (sheet.cols - 2 * kMargin) / kBins, floor = sheet.rows - kMargin;
  for (int bin = 0; bin < kBins; ++bin) {
    const int height = (floor - 2 * kMargin) * counts[bin] / max_count;
    cv::rectangle(sheet, {kMargin + bin * width, floor - height, width - 1, height},
                  cv::Scalar(70, 130, 180), cv::FILLED);
  }
  const auto write = [&](const std::string& text, int x, int y) {
    cv::putText(sheet, text, {x, y}, cv::FONT_HERSHEY_SIMPLEX, 0.4, cv::Scalar::all(0), 1,
                cv::LINE_AA);
  };
  write(title + " (tallest bar: " + std::to_string(max_count) + ")", kMargin, 16);
  for (const double tick : ticks) {
    const int x = kMargin + static_cast<int>(position(tick) * kBins * width);
    cv::line(sheet, {x, floor}, {x, floor + 4}, cv::Scalar::all(0));
    write(cv::format("%g", tick), x - 8, floor + 16);
  }
}

}  // namespace

cv::Mat draw_boxes(const BoxStatistics& boxes,
                   const std::vector<std::pair<std::string, int64_t>>& objects_per_class) {
  constexpr int kWidth = 480, kHeight = 240, kRow = 18;
  const int rows = static_cast<int>(std::min<size_t>(objects_per_class.size(), 100));
  cv::Mat sheet(std::max(2 * kHeight, kRow * (rows + 2)), 2 * kWidth, CV_8UC3,
                cv::Scalar::all(250));
  draw_histogram(sheet(cv::Rect(0, 0, kWidth, kHeight)), boxes.sides, 4, 1024,
                 {4, 16, 32, 96, 256, 1024}, "square root of area, pixels");
  draw_histogram(sheet(cv::Rect(0, kHeight, kWidth, kHeight)), boxes.ratios, 0.1, 10,
                 {0.1, 0.5, 1, 2, 10}, "height / width");
  int64_t max_count = 1;
  for (const auto& [name, count] : objects_per_class) max_count = std::max(max_count, count);
  for (int row = 0; row < rows; ++row) {
    const auto& [name, count] = objects_per_class[row];
    const int y = kRow * (row + 1), bar = static_cast<int>(240 * count / max_count);
    cv::rectangle(sheet, {kWidth + 140, y + 3, bar, kRow - 5}, cv::Scalar(70, 130, 180),
                  cv::FILLED);
    const auto write = [&](const std::string& text, int x) {
      cv::putText(sheet, text, {x, y + 14}, cv::FONT_HERSHEY_SIMPLEX, 0.4, cv::Scalar::all(0), 1,
                  cv::LINE_AA);
    };
    write(name.substr(0, 18), kWidth + 8);
    write(std::to_string(count), kWidth + 146 + bar);
  }
  return sheet;
}

}  // namespace lanner::datasets
