#include "lanner/datasets/box_statistics.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <type_traits>

#include "lanner/datasets/transforms.h"

namespace lanner::datasets {
namespace {

// Width and height in pixels of the network's input.
struct Shape {
  double width = 0, height = 0;
};

Quantiles quantiles(std::vector<double> values) {
  Quantiles result{};
  std::sort(values.begin(), values.end());
  for (size_t q = 0; q < result.size() && !values.empty(); ++q)
    result[q] = values[static_cast<size_t>(
        std::lround(kQuantiles[q] * static_cast<double>(values.size() - 1)))];
  return result;
}

// Centres of `count` clusters of the logarithms, in order.
std::vector<double> cluster(const std::vector<double>& values, int count) {
  cv::Mat logs(static_cast<int>(values.size()), 1, CV_32F), labels, centres;
  for (int i = 0; i < logs.rows; ++i)
    logs.at<float>(i) = static_cast<float>(std::log(std::max(values[i], 1e-3)));
  cv::setRNGSeed(0);  // the same data, the same advice
  cv::kmeans(logs, std::min(count, logs.rows), labels,
             {cv::TermCriteria::COUNT + cv::TermCriteria::EPS, 50, 1e-4}, 3, cv::KMEANS_PP_CENTERS,
             centres);
  std::vector<double> found;
  for (int i = 0; i < centres.rows; ++i) found.push_back(std::exp(centres.at<float>(i)));
  std::sort(found.begin(), found.end());
  return found;
}

void measure(AnchorFit& fit, const std::vector<Shape>& shapes) {
  for (const auto& shape : shapes) {
    double best = 0;
    for (const double size : fit.sizes)
      for (const double ratio : fit.ratios) {
        const double height = size * std::sqrt(ratio), width = size / std::sqrt(ratio);
        const double both = std::min(width, shape.width) * std::min(height, shape.height);
        best = std::max(best, both / (width * height + shape.width * shape.height - both));
      }
    fit.mean_iou += best / static_cast<double>(shapes.size());
    fit.covered += (best >= 0.5) / static_cast<double>(shapes.size());
  }
}

}  // namespace

BoxStatistics measure_boxes(const Dataset& dataset, const ResizeOptions& resize) {
  BoxStatistics boxes;
  std::vector<double> widths, heights, sizes;
  std::vector<Shape> shapes;
  for (const auto& image : dataset.images) {
    double scale = 1;
    if (image.width > 0 && image.height > 0)
      scale = static_cast<double>(resized({image.height, image.width}, resize).width) / image.width;
    for (const auto& object : image.objects) {
      if (object.crowd) continue;
      const double width = object.box.width(), height = object.box.height();
      const double area = width * height;
      ++boxes.areas[area <= 32 * 32 ? 0 : area <= 96 * 96 ? 1 : 2];
      widths.push_back(width), heights.push_back(height);
      boxes.sides.push_back(std::sqrt(area)), boxes.ratios.push_back(height / width);
      sizes.push_back(std::sqrt(area) * scale);
      shapes.push_back({width * scale, height * scale});
    }
  }
  // Anchors follow from fewer boxes than a large data set has.
  constexpr size_t kEnough = 50'000;
  const auto thin = [step = sizes.size() / kEnough + 1](const auto& values) {
    std::remove_cvref_t<decltype(values)> kept;
    for (size_t i = 0; i < values.size(); i += step) kept.push_back(values[i]);
    return kept;
  };
  boxes.width = quantiles(widths), boxes.height = quantiles(heights);
  boxes.side = quantiles(boxes.sides), boxes.ratio = quantiles(boxes.ratios);
  if (shapes.empty()) return boxes;
  for (const double size : cluster(thin(sizes), 5))
    boxes.suggested.sizes.push_back(std::round(size));
  for (const double ratio : cluster(thin(boxes.ratios), 3))
    boxes.suggested.ratios.push_back(std::round(ratio * 100) / 100);
  for (auto& size : boxes.suggested.sizes) size = std::max(1., size);
  for (auto& ratio : boxes.suggested.ratios) ratio = std::max(0.01, ratio);
  boxes.common.sizes = {32, 64, 128, 256, 512}, boxes.common.ratios = {0.5, 1, 2};
  shapes = thin(shapes);
  measure(boxes.suggested, shapes), measure(boxes.common, shapes);
  return boxes;
}

}  // namespace lanner::datasets
