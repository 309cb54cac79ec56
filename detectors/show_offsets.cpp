#include "lanner/detectors/show_offsets.h"

#include <opencv2/imgproc.hpp>

#include "lanner/datasets/error.h"
#include "lanner/detectors/detect.h"

namespace lanner::detectors {
namespace {

constexpr int64_t kMostObjects = 4;
constexpr size_t kMostLayers = 3;
const cv::Scalar kPointColour(255, 60, 40), kCentreColour(60, 255, 60), kBinColour(255, 220, 40);

using Points = std::vector<cv::Point2d>;  // in pixels of the batch

// The points that a layer reads to know its cells at `wanted`.
Points reads(const SamplingOffsets& layer, const Points& wanted) {
  const auto offset = layer.offset[0].to(torch::kCPU, torch::kFloat).contiguous();
  const auto at = offset.accessor<float, 3>();
  Points points;
  for (const auto& point : wanted) {
    const auto row = static_cast<int64_t>(point.y / layer.stride);
    const auto column = static_cast<int64_t>(point.x / layer.stride);
    if (row < 0 || row >= at.size(1) || column < 0 || column >= at.size(2)) continue;
    for (int64_t tap = 0; tap < 9; ++tap) {
      const double y = double(row + (tap / 3 - 1) * layer.dilation) + at[2 * tap][row][column];
      const double x =
          double(column + (tap % 3 - 1) * layer.dilation) + at[2 * tap + 1][row][column];
      points.emplace_back((x + 0.5) * layer.stride, (y + 0.5) * layer.stride);
    }
  }
  return points;
}

}  // namespace

void draw_offsets(cv::Mat& rgb, Detector& detector, const Detections& detections,
                  double confidence) {
  const torch::NoGradGuard no_grad;
  const auto batch = prepare_image(*detector, rgb);
  const int64_t count =
      std::min(kMostObjects, (detections.scores >= confidence).sum().item<int64_t>());
  const double scale_x = double(batch.sizes[0].width) / rgb.cols;
  const double scale_y = double(batch.sizes[0].height) / rgb.rows;
  const auto boxes = detections.boxes.slice(0, 0, count) *
                     torch::tensor({scale_x, scale_y, scale_x, scale_y}, torch::kFloat);
  const auto sampling = detector->sampling(batch, boxes);
  const auto& layers = sampling.convolutions;
  if (layers.empty() && !sampling.bins.defined())
    throw usage_error("show-offsets: the detector has no deformable layers");

  const auto place = [&](double x, double y) {
    return cv::Point(cvRound(x / scale_x), cvRound(y / scale_y));
  };
  const int thick = std::max(1, std::min(rgb.rows, rgb.cols) / 400);
  for (int64_t i = 0; i < count; ++i) {
    const auto box = boxes[i].contiguous();
    const float* b = box.const_data_ptr<float>();
    const double width = b[2] - b[0], height = b[3] - b[1];
    if (sampling.bins.defined()) {
      const auto moved = sampling.bins[i].to(torch::kCPU, torch::kFloat).contiguous();
      const auto at = moved.accessor<float, 3>();
      const auto n = at.size(1);
      for (int64_t row = 0; row < n; ++row)
        for (int64_t column = 0; column < n; ++column) {
          const double x = b[0] + width * (double(column) / double(n) + at[0][row][column]);
          const double y = b[1] + height * (double(row) / double(n) + at[1][row][column]);
          cv::rectangle(rgb, place(x, y), place(x + width / double(n), y + height / double(n)),
                        kBinColour, thick, cv::LINE_AA);
        }
    }
    const cv::Point2d centre(b[0] + width / 2, b[1] + height / 2);
    Points points{centre};
    for (size_t j = 0; j < std::min(kMostLayers, layers.size()); ++j)
      points = reads(layers[layers.size() - 1 - j], points);
    if (!layers.empty())
      for (const auto& point : points)
        cv::circle(rgb, place(point.x, point.y), thick + 1, kPointColour, cv::FILLED, cv::LINE_AA);
    cv::circle(rgb, place(centre.x, centre.y), 2 * thick + 2, kCentreColour, cv::FILLED,
               cv::LINE_AA);
  }
}

}  // namespace lanner::detectors
