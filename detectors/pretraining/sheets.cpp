#include "lanner/detectors/pretraining/sheets.h"

#include <opencv2/imgproc.hpp>

#include "lanner/datasets/batch.h"
#include "lanner/datasets/visualize.h"

namespace lanner::detectors {
namespace {

constexpr int kRows = 8, kAnswers = 7, kCell = 132;
constexpr size_t kChunk = 32;  // images
const cv::Scalar kGreen(60, 220, 90), kYellow(250, 210, 40), kBlue(70, 150, 255);

at::Tensor as_batch(const std::vector<datasets::Sample>& images, const at::Device& device) {
  return datasets::collate(images, {}, 1).images.to(device);
}

at::Device device_of(const torch::nn::Module& module) {
  return module.parameters().front().device();
}

cv::Mat framed(const cv::Mat& image, const cv::Scalar& colour) {
  cv::Mat large;
  cv::resize(image, large, {kCell - 4, kCell - 4}, 0, 0, cv::INTER_LINEAR);
  cv::rectangle(large, {0, 0, large.cols, large.rows}, colour, 3);
  return large;
}

}  // namespace

cv::Mat prediction_sheet(Cpc& cpc, const std::vector<datasets::Sample>& images,
                         const PatchOptions& patch, int distance) {
  const torch::NoGradGuard no_grad;
  cpc.eval();
  const auto features = cpc.encode(as_batch(images, device_of(cpc)));
  const auto scores = cpc.scores(features, distance);
  const int64_t R = features.size(2), C = features.size(3), asked = R - distance;
  const int64_t answers = std::min<int64_t>(kAnswers, scores.size(1));
  const auto place = [&](int64_t row, int64_t column) {
    return cv::Rect(static_cast<int>(column) * patch.stride, static_cast<int>(row) * patch.stride,
                    patch.size, patch.size);
  };
  std::vector<cv::Mat> cells;
  for (int64_t i = 0; i < std::min<int64_t>(kRows, std::ssize(images)); ++i) {
    const int64_t row = (asked - 1) / 2, column = (C - 1) / 2;
    cv::Mat image = images[i].rgb.clone();
    cv::rectangle(image, place(0, 0) | place(row, C - 1), kBlue, 1);
    cv::rectangle(image, place(row + distance, column), kGreen, 1);
    cells.push_back(image);
    const auto best = std::get<1>(scores[(i * asked + row) * C + column].topk(answers)).cpu();
    for (int64_t a = 0; a < answers; ++a) {
      const int64_t index = best[a].item<int64_t>(), of_image = index / (R * C);
      const int64_t r = index % (R * C) / C, c = index % C;
      const bool right = of_image == i && r == row + distance && c == column;
      cells.push_back(framed(images[of_image].rgb(place(r, c)), right ? kGreen
                                                                : of_image == i
                                                                    ? kYellow
                                                                    : cv::Scalar::all(32)));
    }
  }
  return datasets::contact_sheet(cells, static_cast<int>(answers) + 1, kCell);
}

cv::Mat neighbour_sheet(Encoder& encoder, const std::vector<datasets::Sample>& images) {
  const torch::NoGradGuard no_grad;
  encoder->eval();
  std::vector<at::Tensor> chunks;
  for (size_t begin = 0; begin < images.size(); begin += kChunk) {
    const auto end = images.begin() + std::min(begin + kChunk, images.size());
    chunks.push_back(
        encoder(as_batch({images.begin() + begin, end}, device_of(*encoder))).to(torch::kFloat));
  }
  const auto features = torch::nn::functional::normalize(torch::cat(chunks));
  const auto alike = torch::matmul(features, features.t()).cpu();
  std::vector<cv::Mat> cells;
  const auto count = std::ssize(images);
  for (int64_t i = 0; i < std::min<int64_t>(kRows, count); ++i) {
    const int64_t query = i * count / std::min<int64_t>(kRows, count);
    const auto best =
        std::get<1>(alike[query].topk(std::min<int64_t>(kAnswers + 1, count))).contiguous();
    for (int64_t a = 0; a < best.numel(); ++a) {
      const auto& rgb = images[best[a].item<int64_t>()].rgb;
      cells.push_back(a == 0 ? framed(images[query].rgb, kBlue) : rgb);
    }
  }
  return datasets::contact_sheet(cells, static_cast<int>(std::min<int64_t>(kAnswers + 1, count)),
                                 kCell);
}

}  // namespace lanner::detectors
