#include "lanner/datasets/transforms.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/image.h"

namespace lanner::datasets {

void AugmentOptions::check() const {
  const auto expect = [](double value, double most, const std::string& option) {
    if (!(value >= 0 && value <= most))
      throw usage_error(option + ": expected 0 to " + std::to_string(most) + ", got " +
                        std::to_string(value));
  };
  expect(horizontal_flip, 1, "horizontal-flip");
  expect(vertical_flip, 1, "vertical-flip");
  expect(scale_jitter, 0.9, "scale-jitter");
  expect(colour_jitter, 1, "colour-jitter");
  expect(iou_crop, 1, "iou-crop");
  expect(cut_out, 1, "cut-out");
  expect(mosaic, 1, "mosaic");
}

ImageSize resized(ImageSize size, const ResizeOptions& options) {
  const double low = static_cast<double>(std::min(size.height, size.width));
  const double high = static_cast<double>(std::max(size.height, size.width));
  const double scale = std::min(options.min_size / low, options.max_size / high);
  const auto scaled = [&](int64_t side) {
    return std::max<int64_t>(1,
                             static_cast<int64_t>(std::floor(static_cast<double>(side) * scale)));
  };
  return {scaled(size.height), scaled(size.width)};
}

Sample load_sample(const ImageRecord& record, int short_side) {
  const auto image = read_image(record.path, short_side);
  if (record.width > 0 && (record.width != image.width || record.height != image.height))
    throw bad_data(record.path.string() + ": size: the annotation says " +
                   std::to_string(record.width) + " x " + std::to_string(record.height) +
                   ", the image is " + std::to_string(image.width) + " x " +
                   std::to_string(image.height));
  Sample sample{image.rgb,   record.objects, record.id, record.path.string(),
                image.width, image.height};
  const double x = static_cast<double>(image.rgb.cols) / image.width;
  const double y = static_cast<double>(image.rgb.rows) / image.height;
  for (auto& object : sample.objects)
    object.box = {object.box.x1 * x, object.box.y1 * y, object.box.x2 * x, object.box.y2 * y};
  return sample;
}

void resize(Sample& sample, ImageSize size) {
  const double x = static_cast<double>(size.width) / sample.rgb.cols;
  const double y = static_cast<double>(size.height) / sample.rgb.rows;
  cv::Mat out;
  cv::resize(sample.rgb, out, {static_cast<int>(size.width), static_cast<int>(size.height)}, 0, 0,
             cv::INTER_LINEAR);
  sample.rgb = out;
  for (auto& object : sample.objects)
    object.box = {object.box.x1 * x, object.box.y1 * y, object.box.x2 * x, object.box.y2 * y};
}

void flip_horizontally(Sample& sample) {
  cv::Mat out;
  cv::flip(sample.rgb, out, 1);
  sample.rgb = out;
  const double width = out.cols;
  for (auto& object : sample.objects)
    object.box = {width - object.box.x2, object.box.y1, width - object.box.x1, object.box.y2};
}

void flip_vertically(Sample& sample) {
  cv::Mat out;
  cv::flip(sample.rgb, out, 0);
  sample.rgb = out;
  const double height = out.rows;
  for (auto& object : sample.objects)
    object.box = {object.box.x1, height - object.box.y2, object.box.x2, height - object.box.y1};
}

void jitter_colours(Sample& sample, double amount, std::mt19937_64& random) {
  std::uniform_real_distribution<float> factor(static_cast<float>(1 - amount),
                                               static_cast<float>(1 + amount));
  const float brightness = factor(random), contrast = factor(random), saturation = factor(random);
  cv::Mat pixels, grey;
  sample.rgb.convertTo(pixels, CV_32FC3, brightness);
  const cv::Scalar mean = cv::mean(pixels);
  const float centre = static_cast<float>(mean[0] + mean[1] + mean[2]) / 3;
  pixels = (pixels - cv::Scalar::all(centre)) * contrast + cv::Scalar::all(centre);
  cv::cvtColor(pixels, grey, cv::COLOR_RGB2GRAY);
  cv::cvtColor(grey, grey, cv::COLOR_GRAY2RGB);
  pixels = grey + (pixels - grey) * saturation;
  cv::Mat out;
  pixels.convertTo(out, CV_8UC3);
  sample.rgb = out;
}

}  // namespace lanner::datasets
