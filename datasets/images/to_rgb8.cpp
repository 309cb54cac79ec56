#include "lanner/datasets/images/to_rgb8.h"

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "lanner/datasets/error.h"

namespace lanner::datasets {
namespace {

Error unfit(const cv::Mat& image, const std::string& reason) {
  return usage_error(
      "image: expected 1, 3 or 4 channels of 8 or 16 bits, or of floats in 0..1, got " +
      cv::typeToString(image.type()) + " of " + std::to_string(image.cols) + " x " +
      std::to_string(image.rows) + reason);
}

cv::Mat to_8_bits(const cv::Mat& image) {
  cv::Mat result;
  switch (image.depth()) {
    case CV_8U:
      return image;
    case CV_16U:
      image.convertTo(result, CV_8U, 1. / 257);
      return result;
    case CV_32F:
    case CV_64F:
      if (!cv::checkRange(image, true, nullptr, 0, 1 + 1e-6))  // NaN is in no range
        throw unfit(image, ", with values outside");
      image.convertTo(result, CV_8U, 255);
      return result;
    default:
      throw unfit(image, "");
  }
}

}  // namespace

cv::Mat to_rgb8(const cv::Mat& image, bool bgr) {
  const int channels = image.channels();
  if (image.empty() || image.dims != 2 || (channels != 1 && channels != 3 && channels != 4))
    throw unfit(image, "");
  const auto bits = to_8_bits(image);
  if (channels == 3 && !bgr) return bits;
  cv::Mat rgb;
  cv::cvtColor(bits, rgb,
               channels == 1   ? cv::COLOR_GRAY2RGB
               : channels == 3 ? cv::COLOR_BGR2RGB
               : bgr           ? cv::COLOR_BGRA2RGB
                               : cv::COLOR_RGBA2RGB);
  return rgb;
}

}  // namespace lanner::datasets
