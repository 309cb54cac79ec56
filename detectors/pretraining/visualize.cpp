#include "lanner/detectors/pretraining/visualize.h"

#include <torch/nn/functional/normalization.h>

#include <opencv2/imgproc.hpp>

#include "lanner/datasets/images/visualize.h"
#include "lanner/datasets/loading/batch.h"

namespace lanner::detectors {
namespace {

constexpr int kRows = 8, kMatches = 7;  // per sheet, per row
constexpr int kCellSize = 132;          // in pixels
constexpr size_t kBatchSize = 32;
const cv::Scalar kGreen(60, 220, 90), kYellow(250, 210, 40), kBlue(70, 150, 255);

at::Tensor to_batch(const std::vector<datasets::Sample>& images, const at::Device& device) {
  return datasets::collate(images, {}, 1).images.to(device);
}

at::Device device_of(const torch::nn::Module& module) {
  return module.parameters().front().device();
}

cv::Mat framed(const cv::Mat& image, const cv::Scalar& color) {
  cv::Mat resized;
  cv::resize(image, resized, {kCellSize - 4, kCellSize - 4}, 0, 0, cv::INTER_LINEAR);
  cv::rectangle(resized, {0, 0, resized.cols, resized.rows}, color, 3);
  return resized;
}

}  // namespace

cv::Mat prediction_sheet(Cpc& cpc, const std::vector<datasets::Sample>& images,
                         const PatchOptions& patch, int distance) {
  const torch::NoGradGuard no_grad;
  cpc.eval();
  const auto features = cpc.encode(to_batch(images, device_of(cpc)));
  const auto scores = cpc.scores(features, distance);
  const int64_t R = features.size(2), C = features.size(3), context_rows = R - distance;
  const int64_t num_matches = std::min<int64_t>(kMatches, scores.size(1));
  const auto patch_rect = [&](int64_t row, int64_t column) {
    return cv::Rect(static_cast<int>(column) * patch.stride, static_cast<int>(row) * patch.stride,
                    patch.size, patch.size);
  };
  std::vector<cv::Mat> cells;
  for (int64_t i = 0; i < std::min<int64_t>(kRows, std::ssize(images)); ++i) {
    const int64_t row = (context_rows - 1) / 2, column = (C - 1) / 2;
    cv::Mat image = images[i].rgb.clone();
    cv::rectangle(image, patch_rect(0, 0) | patch_rect(row, C - 1), kBlue, 1);
    cv::rectangle(image, patch_rect(row + distance, column), kGreen, 1);
    cells.push_back(image);
    const auto matches =
        std::get<1>(scores[(i * context_rows + row) * C + column].topk(num_matches)).cpu();
    for (int64_t m = 0; m < num_matches; ++m) {
      const int64_t index = matches[m].item<int64_t>(), image_index = index / (R * C);
      const int64_t r = index % (R * C) / C, c = index % C;
      const bool correct = image_index == i && r == row + distance && c == column;
      const auto color = correct ? kGreen : image_index == i ? kYellow : cv::Scalar::all(32);
      cells.push_back(framed(images[image_index].rgb(patch_rect(r, c)), color));
    }
  }
  return datasets::contact_sheet(cells, static_cast<int>(num_matches) + 1, kCellSize);
}

cv::Mat neighbor_sheet(Encoder& encoder, const std::vector<datasets::Sample>& images) {
  const torch::NoGradGuard no_grad;
  encoder->eval();
  std::vector<at::Tensor> batches;
  for (size_t begin = 0; begin < images.size(); begin += kBatchSize) {
    const auto end = images.begin() + std::min(begin + kBatchSize, images.size());
    batches.push_back(
        encoder(to_batch({images.begin() + begin, end}, device_of(*encoder))).to(torch::kFloat));
  }
  const auto features = torch::nn::functional::normalize(torch::cat(batches));
  const auto similarity = torch::matmul(features, features.t()).cpu();
  std::vector<cv::Mat> cells;
  const auto count = std::ssize(images);
  for (int64_t i = 0; i < std::min<int64_t>(kRows, count); ++i) {
    const int64_t query = i * count / std::min<int64_t>(kRows, count);
    const auto nearest =
        std::get<1>(similarity[query].topk(std::min<int64_t>(kMatches + 1, count))).contiguous();
    for (int64_t m = 0; m < nearest.numel(); ++m) {
      const auto& rgb = images[nearest[m].item<int64_t>()].rgb;
      cells.push_back(m == 0 ? framed(images[query].rgb, kBlue) : rgb);
    }
  }
  return datasets::contact_sheet(cells, static_cast<int>(std::min<int64_t>(kMatches + 1, count)),
                                 kCellSize);
}

}  // namespace lanner::detectors
