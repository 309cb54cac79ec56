#include "lanner/datasets/images/transforms.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image.h"

namespace lanner::datasets {

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

void resize(Sample& sample, ImageSize size, Interpolation interpolation) {
  const double x = static_cast<double>(size.width) / sample.rgb.cols;
  const double y = static_cast<double>(size.height) / sample.rgb.rows;
  const bool shrinks = x < 1 || y < 1;
  cv::Mat in = sample.rgb, out;
  if (interpolation == Interpolation::torchvision && in.depth() != CV_32F)
    in.convertTo(in, CV_32FC3);
  cv::resize(in, out, {static_cast<int>(size.width), static_cast<int>(size.height)}, 0, 0,
             shrinks && interpolation == Interpolation::area ? cv::INTER_AREA : cv::INTER_LINEAR);
  sample.rgb = out;
  for (auto& object : sample.objects)
    object.box = {object.box.x1 * x, object.box.y1 * y, object.box.x2 * x, object.box.y2 * y};
}

}  // namespace lanner::datasets
