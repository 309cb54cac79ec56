#include "lanner/datasets/checking/box_statistics.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <type_traits>

#include "lanner/datasets/images/transforms.h"

namespace lanner::datasets {
namespace {

// Size of a box in the resized image, in pixels.
struct BoxSize {
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

// Sorted centers of `count` clusters, found by k-means on the logarithms of the values.
std::vector<double> cluster_centers(const std::vector<double>& values, int count) {
  cv::Mat logs(static_cast<int>(values.size()), 1, CV_32F), labels, centers;
  for (int i = 0; i < logs.rows; ++i)
    logs.at<float>(i) = static_cast<float>(std::log(std::max(values[i], 1e-3)));
  cv::setRNGSeed(0);  // makes the result reproducible
  cv::kmeans(logs, std::min(count, logs.rows), labels,
             {cv::TermCriteria::COUNT + cv::TermCriteria::EPS, 50, 1e-4}, 3, cv::KMEANS_PP_CENTERS,
             centers);
  std::vector<double> result;
  for (int i = 0; i < centers.rows; ++i) result.push_back(std::exp(centers.at<float>(i)));
  std::sort(result.begin(), result.end());
  return result;
}

// Computes how well the sizes and ratios of `fit` fit the boxes.
void measure_fit(AnchorFit& fit, const std::vector<BoxSize>& box_sizes) {
  for (const auto& box : box_sizes) {
    double best_iou = 0;
    for (const double size : fit.sizes)
      for (const double ratio : fit.ratios) {
        const double height = size * std::sqrt(ratio), width = size / std::sqrt(ratio);
        const double overlap = std::min(width, box.width) * std::min(height, box.height);
        best_iou =
            std::max(best_iou, overlap / (width * height + box.width * box.height - overlap));
      }
    fit.mean_iou += best_iou / static_cast<double>(box_sizes.size());
    fit.covered += (best_iou >= 0.5) / static_cast<double>(box_sizes.size());
  }
}

}  // namespace

BoxStatistics measure_boxes(const Dataset& dataset, const ResizeOptions& resize) {
  BoxStatistics boxes;
  std::vector<double> widths, heights, sizes;
  std::vector<BoxSize> box_sizes;
  for (const auto& image : dataset.images) {
    double scale = 1;
    if (image.width > 0 && image.height > 0)
      scale = static_cast<double>(resized({image.height, image.width}, resize).width) / image.width;
    for (const auto& object : image.objects) {
      if (object.crowd) continue;
      const double width = object.box.width(), height = object.box.height();
      const double area = width * height;
      // COCO's small, medium and large.
      ++boxes.areas[area <= 32 * 32 ? 0 : area <= 96 * 96 ? 1 : 2];
      widths.push_back(width), heights.push_back(height);
      boxes.sides.push_back(std::sqrt(area)), boxes.ratios.push_back(height / width);
      sizes.push_back(std::sqrt(area) * scale);
      box_sizes.push_back({width * scale, height * scale});
    }
  }
  // In a large data set, a subset of the boxes is enough to choose anchors.
  constexpr size_t kMaxBoxes = 50'000;
  const auto subsample = [step = sizes.size() / kMaxBoxes + 1](const auto& values) {
    std::remove_cvref_t<decltype(values)> result;
    for (size_t i = 0; i < values.size(); i += step) result.push_back(values[i]);
    return result;
  };
  boxes.width = quantiles(widths), boxes.height = quantiles(heights);
  boxes.side = quantiles(boxes.sides), boxes.ratio = quantiles(boxes.ratios);
  if (box_sizes.empty()) return boxes;
  for (const double size : cluster_centers(subsample(sizes), 5))
    boxes.suggested.sizes.push_back(std::round(size));
  for (const double ratio : cluster_centers(subsample(boxes.ratios), 3))
    boxes.suggested.ratios.push_back(std::round(ratio * 100) / 100);
  for (auto& size : boxes.suggested.sizes) size = std::max(1., size);
  for (auto& ratio : boxes.suggested.ratios) ratio = std::max(0.01, ratio);
  boxes.common.sizes = {32, 64, 128, 256, 512}, boxes.common.ratios = {0.5, 1, 2};
  box_sizes = subsample(box_sizes);
  measure_fit(boxes.suggested, box_sizes);
  measure_fit(boxes.common, box_sizes);
  return boxes;
}

}  // namespace lanner::datasets
