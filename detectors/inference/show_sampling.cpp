#include "lanner/detectors/inference/show_sampling.h"

#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <numeric>

#include "lanner/detectors/diffusion/diffusion_head.h"

namespace lanner::detectors {
namespace {

constexpr int kSide = 360;          // of a picture, in pixels
constexpr size_t kMaxPictures = 6;  // beside the result

// Boxes by ascending score, so that the best are on top.
cv::Mat picture(const cv::Mat& rgb, const at::Tensor& boxes, const at::Tensor& scores,
                double scale_x, double scale_y, const std::string& text) {
  cv::Mat image = rgb.clone();
  const auto order = scores.argsort().cpu();
  const auto corners = boxes.cpu(), score = scores.cpu();
  for (int64_t i = 0; i < order.size(0); ++i) {
    const auto row = order[i].item<int64_t>();
    const auto* box = corners[row].data_ptr<float>();
    const double best = score[row].item<double>();
    const cv::Point low(int(box[0] * scale_x), int(box[1] * scale_y)),
        high(int(box[2] * scale_x), int(box[3] * scale_y));
    const cv::Scalar color(90 + 165 * best, 90 + 110 * best, 90 * (1 - best));
    cv::rectangle(image, low, high, color, best > 0.3 ? 2 : 1, cv::LINE_AA);
  }
  cv::rectangle(image, {0, 0, 150, 20}, cv::Scalar::all(0), cv::FILLED);
  cv::putText(image, text, {4, 15}, cv::FONT_HERSHEY_SIMPLEX, 0.5, cv::Scalar::all(255), 1,
              cv::LINE_AA);
  return image;
}

}  // namespace

cv::Mat draw_sampling(const cv::Mat& rgb, Detector& detector) {
  const auto batch = detector->prepare(rgb);
  const auto steps = detector->sampling_steps(batch);
  const double shrink = std::min(1., double(kSide) / std::max(rgb.cols, rgb.rows));
  cv::Mat small;
  cv::resize(rgb, small, {}, shrink, shrink, cv::INTER_AREA);
  const double scale_x = small.cols / static_cast<double>(batch.sizes[0].width),
               scale_y = small.rows / static_cast<double>(batch.sizes[0].height);
  std::vector<cv::Mat> pictures;
  for (size_t i = 0; i < steps.size(); ++i) {
    const size_t every = (steps.size() + kMaxPictures - 1) / kMaxPictures;
    if (i % every) continue;
    pictures.push_back(picture(small, steps[i].before, torch::zeros_like(steps[i].scores), scale_x,
                               scale_y, cv::format("noise %.2f", steps[i].noise)));
  }
  pictures.push_back(
      picture(small, steps.back().after, steps.back().scores, scale_x, scale_y, "result"));
  cv::Mat strip;
  cv::hconcat(pictures, strip);
  return strip;
}

}  // namespace lanner::detectors
