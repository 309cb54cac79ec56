#include "lanner/datasets/tracking/look.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

namespace lanner::datasets {
namespace {

constexpr int kBins = 8;      // of each channel
constexpr int kSamples = 24;  // of each side of a box

}  // namespace

Look look(const cv::Mat& rgb, const Box& box) {
  const double x1 = std::max(box.x1, 0.), x2 = std::min(box.x2, double(rgb.cols));
  const double y1 = std::max(box.y1, 0.), y2 = std::min(box.y2, double(rgb.rows));
  if (!(x1 < x2 && y1 < y2)) return {};
  Look result(kBins * kBins * kBins);
  float sum = 0;
  for (int i = 0; i < kSamples; ++i)
    for (int j = 0; j < kSamples; ++j) {
      const double v = (i + 0.5) / kSamples, u = (j + 0.5) / kSamples;
      const double distance = std::pow(2 * u - 1, 2) + std::pow(2 * v - 1, 2);
      if (distance >= 1) continue;
      const auto& color = rgb.at<cv::Vec3b>(std::min(int(y1 + v * (y2 - y1)), rgb.rows - 1),
                                            std::min(int(x1 + u * (x2 - x1)), rgb.cols - 1));
      int bin = 0;
      for (int c = 0; c < 3; ++c) bin = bin * kBins + color[c] * kBins / 256;
      const auto weight = float(1 - distance);
      result[bin] += weight;
      sum += weight;
    }
  for (auto& value : result) value /= sum;
  return result;
}

double difference(const Look& a, const Look& b) {
  if (a.empty() || b.empty()) return 0;
  double shared = 0;
  for (size_t i = 0; i < a.size(); ++i) shared += std::sqrt(double(a[i]) * b[i]);
  return std::sqrt(std::max(0., 1 - shared));
}

}  // namespace lanner::datasets
