#include "lanner/detectors/inference/show_offsets.h"

#include <opencv2/imgproc.hpp>

#include "lanner/datasets/error.h"
#include "lanner/detectors/inference/detect.h"

namespace lanner::detectors {
namespace {

constexpr int64_t kMaxObjects = 4;
constexpr size_t kMaxLayers = 3;
const cv::Scalar kPointColor(255, 60, 40), kCenterColor(60, 255, 60), kBinColor(255, 220, 40);

using Points = std::vector<cv::Point2d>;  // in pixels of the batch

// Returns the input points that a layer samples to compute its output at `outputs`.
Points sampled_points(const SamplingOffsets& layer, const Points& outputs) {
  const auto offset_tensor = layer.offset[0].to(torch::kCPU, torch::kFloat).contiguous();
  const auto offset = offset_tensor.accessor<float, 3>();
  Points points;
  for (const auto& point : outputs) {
    const auto row = static_cast<int64_t>(point.y / layer.stride);
    const auto column = static_cast<int64_t>(point.x / layer.stride);
    if (row < 0 || row >= offset.size(1) || column < 0 || column >= offset.size(2)) continue;
    for (int64_t k = 0; k < 9; ++k) {
      const double y = double(row + (k / 3 - 1) * layer.dilation) + offset[2 * k][row][column];
      const double x =
          double(column + (k % 3 - 1) * layer.dilation) + offset[2 * k + 1][row][column];
      points.emplace_back((x + 0.5) * layer.stride, (y + 0.5) * layer.stride);
    }
  }
  return points;
}

}  // namespace

void draw_offsets(cv::Mat& rgb, Detector& detector, const Detections& detections,
                  double confidence) {
  const torch::NoGradGuard no_grad;
  const auto batch = detector->prepare(rgb);
  const int64_t count =
      std::min(kMaxObjects, (detections.scores >= confidence).sum().item<int64_t>());
  const double scale_x = double(batch.sizes[0].width) / rgb.cols;
  const double scale_y = double(batch.sizes[0].height) / rgb.rows;
  const auto boxes = detections.boxes.slice(0, 0, count) *
                     torch::tensor({scale_x, scale_y, scale_x, scale_y}, torch::kFloat);
  const auto locations = detector->sampling_locations(batch, boxes);
  const auto& layers = locations.convolutions;
  if (layers.empty() && !locations.bin_offsets.defined())
    throw usage_error("show_offsets: the detector has no deformable layers");

  const auto to_image = [&](double x, double y) {
    return cv::Point(cvRound(x / scale_x), cvRound(y / scale_y));
  };
  const int thickness = std::max(1, std::min(rgb.rows, rgb.cols) / 400);
  for (int64_t i = 0; i < count; ++i) {
    const auto box = boxes[i].contiguous();
    const float* b = box.const_data_ptr<float>();
    const double width = b[2] - b[0], height = b[3] - b[1];
    if (locations.bin_offsets.defined()) {
      const auto offset_tensor =
          locations.bin_offsets[i].to(torch::kCPU, torch::kFloat).contiguous();
      const auto offset = offset_tensor.accessor<float, 3>();
      const auto n = offset.size(1);
      for (int64_t row = 0; row < n; ++row)
        for (int64_t column = 0; column < n; ++column) {
          const double x = b[0] + width * (double(column) / double(n) + offset[0][row][column]);
          const double y = b[1] + height * (double(row) / double(n) + offset[1][row][column]);
          cv::rectangle(rgb, to_image(x, y),
                        to_image(x + width / double(n), y + height / double(n)), kBinColor,
                        thickness, cv::LINE_AA);
        }
    }
    const cv::Point2d center(b[0] + width / 2, b[1] + height / 2);
    Points points{center};
    for (size_t j = 0; j < std::min(kMaxLayers, layers.size()); ++j)
      points = sampled_points(layers[layers.size() - 1 - j], points);
    if (!layers.empty())
      for (const auto& point : points)
        cv::circle(rgb, to_image(point.x, point.y), thickness + 1, kPointColor, cv::FILLED,
                   cv::LINE_AA);
    cv::circle(rgb, to_image(center.x, center.y), 2 * thickness + 2, kCenterColor, cv::FILLED,
               cv::LINE_AA);
  }
}

}  // namespace lanner::detectors
