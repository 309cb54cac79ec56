#include "lanner/detectors/preprocessing.h"

#include "lanner/ops/torch.h"

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/transforms.h"
#include "lanner/detectors/options.h"

namespace lanner::detectors {
namespace {

constexpr int kDivisor = 32;        // padded sides are multiples of the coarsest stride
constexpr float kTolerance = .02f;  // of what resampling may leave outside 0..1

}  // namespace

datasets::Batch preprocess(const std::vector<cv::Mat>& images, const DetectorOptions& options) {
  std::vector<datasets::Sample> samples;
  for (const auto& image : images) {
    samples.push_back({image, {}, 0, "", image.cols, image.rows});
    datasets::resize(samples.back(), datasets::resized({image.rows, image.cols}, options.resize),
                     options.resize.interpolation);
  }
  return datasets::collate(samples, options.normalization, kDivisor);
}

cv::Mat to_mat(const at::Tensor& image, const std::string& name,
               datasets::Interpolation interpolation) {
  const bool bytes = image.scalar_type() == at::kByte;
  if (image.dim() != 3 || image.size(0) != 3 || image.numel() == 0 ||
      !(bytes || image.is_floating_point()))
    throw usage_error(c10::str(name, ": expected a uint8 or float tensor [3, H, W], got ",
                               image.scalar_type(), " ", image.sizes()));
  const int rows = static_cast<int>(image.size(1)), columns = static_cast<int>(image.size(2));
  auto pixels = image.detach().permute({1, 2, 0}).to(at::kCPU);
  if (bytes) {
    pixels = pixels.contiguous();
    return cv::Mat(rows, columns, CV_8UC3, pixels.mutable_data_ptr()).clone();
  }
  pixels = pixels.to(at::kFloat);
  const auto [low, high] = pixels.aminmax();
  const float least = low.item<float>(), most = high.item<float>();
  if (!(least >= -kTolerance && most <= 1 + kTolerance))  // NaN is neither
    throw usage_error(
        c10::str(name, ": expected finite values in 0..1, got ", least, " to ", most));
  pixels = pixels.mul(255).contiguous();
  const cv::Mat floats(rows, columns, CV_32FC3, pixels.mutable_data_ptr());
  if (interpolation == datasets::Interpolation::torchvision) return floats.clone();
  cv::Mat rounded;
  floats.convertTo(rounded, CV_8UC3);
  return rounded;
}

}  // namespace lanner::detectors
