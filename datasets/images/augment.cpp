#include "lanner/datasets/images/augment.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "lanner/datasets/images/transforms.h"

namespace lanner::datasets {
namespace {

constexpr double kMinVisible = 0.25;  // fraction of the area of a box

double uniform(std::mt19937_64& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

void shift(Sample& sample, double x, double y) {
  for (auto& object : sample.objects)
    object.box = {object.box.x1 + x, object.box.y1 + y, object.box.x2 + x, object.box.y2 + y};
}

// The window is within `target`, or around it.
void crop(Sample& sample, const Box& target, int side, double scale, Interpolation interpolation,
          std::mt19937_64& random) {
  const int cols = sample.rgb.cols, rows = sample.rgb.rows;
  const int width = std::clamp(int(std::lround(side / scale)), 1, cols);
  const int height = std::clamp(int(std::lround(side / scale)), 1, rows);
  const auto position = [&](double low, double high, int length, int limit) {
    const double first =
        uniform(random, std::min(low, high - length), std::max(low, high - length));
    return std::clamp(int(std::lround(first)), 0, limit - length);
  };
  const cv::Rect rect(position(target.x1, target.x2, width, cols),
                      position(target.y1, target.y2, height, rows), width, height);
  sample.rgb = sample.rgb(rect);
  shift(sample, -rect.x, -rect.y);
  clip_boxes(sample);
  resize(sample,
         {std::max<int64_t>(1, std::lround(height * scale)),
          std::max<int64_t>(1, std::lround(width * scale))},
         interpolation);
}

}  // namespace

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

void jitter_colors(Sample& sample, double amount, std::mt19937_64& random) {
  std::uniform_real_distribution<float> factor(static_cast<float>(1 - amount),
                                               static_cast<float>(1 + amount));
  const float brightness = factor(random), contrast = factor(random), saturation = factor(random);
  // Brightness, contrast around the mean and saturation are one affine map of the colors.
  const cv::Scalar mean = cv::mean(sample.rgb) * brightness;
  const float center = static_cast<float>(mean[0] + mean[1] + mean[2]) / 3 * (1 - contrast);
  const float color = brightness * contrast * saturation;
  const float gray = brightness * contrast * (1 - saturation);
  const float r = 0.299f * gray, g = 0.587f * gray, b = 0.114f * gray;  // as cv::COLOR_RGB2GRAY
  const cv::Matx34f map(color + r, g, b, center,                        //
                        r, color + g, b, center,                        //
                        r, g, color + b, center);
  cv::Mat out;
  cv::transform(sample.rgb, out, map);
  sample.rgb = out;
}

void clip_boxes(Sample& sample) {
  const Box image{0, 0, double(sample.rgb.cols), double(sample.rgb.rows)};
  std::erase_if(sample.objects, [&](Object& object) {
    const double before = object.box.area();
    object.box = intersection(object.box, image);
    return object.box.width() < 1 || object.box.height() < 1 ||
           object.box.area() < kMinVisible * before;
  });
}

void crop_by_iou(Sample& sample, std::mt19937_64& random) {
  constexpr std::array kOverlaps{0., .1, .3, .5, .7, .9, 1.};
  const double min_iou =
      kOverlaps[std::uniform_int_distribution<size_t>(0, kOverlaps.size() - 1)(random)];
  if (min_iou == 1) return;
  for (int attempt = 0; attempt < 40; ++attempt) {
    const double width = uniform(random, 0.3, 1), height = uniform(random, 0.3, 1);
    const double left = uniform(random, 0, 1 - width), top = uniform(random, 0, 1 - height);
    if (width / height < 0.5 || width / height > 2) continue;
    const cv::Rect rect(int(left * sample.rgb.cols), int(top * sample.rgb.rows),
                        std::max(1, int(width * sample.rgb.cols)),
                        std::max(1, int(height * sample.rgb.rows)));
    const Box crop{double(rect.x), double(rect.y), double(rect.x + rect.width),
                   double(rect.y + rect.height)};
    const auto has_center = [&](const Object& object) {
      const double x = (object.box.x1 + object.box.x2) / 2, y = (object.box.y1 + object.box.y2) / 2;
      return x > crop.x1 && x < crop.x2 && y > crop.y1 && y < crop.y2;
    };
    const bool overlaps =
        sample.objects.empty() ||
        std::any_of(sample.objects.begin(), sample.objects.end(), [&](const Object& object) {
          return has_center(object) && iou(object.box, crop) >= min_iou;
        });
    if (!overlaps) continue;
    std::erase_if(sample.objects, [&](const Object& object) { return !has_center(object); });
    sample.rgb = sample.rgb(rect);
    shift(sample, -crop.x1, -crop.y1);
    clip_boxes(sample);
    return;
  }
}

void crop_around_object(Sample& sample, int side, double scale, Interpolation interpolation,
                        std::mt19937_64& random) {
  if (sample.objects.empty()) return crop_at_random(sample, side, scale, interpolation, random);
  const auto target =
      sample.objects[std::uniform_int_distribution<size_t>(0, sample.objects.size() - 1)(random)]
          .box;
  const double length = std::max(target.width(), target.height()) * scale;
  scale *= std::min(1., 0.8 * side / length);
  crop(sample, target, side, scale, interpolation, random);
}

void crop_at_random(Sample& sample, int side, double scale, Interpolation interpolation,
                    std::mt19937_64& random) {
  const Box whole{0, 0, double(sample.rgb.cols), double(sample.rgb.rows)};
  crop(sample, whole, side, scale, interpolation, random);
}

void cutout(Sample& sample, std::mt19937_64& random) {
  const double area = uniform(random, 0.02, 0.2), shape = std::exp(uniform(random, -0.7, 0.7));
  const int width = std::clamp(int(sample.rgb.cols * std::sqrt(area * shape)), 1, sample.rgb.cols);
  const int height = std::clamp(int(sample.rgb.rows * std::sqrt(area / shape)), 1, sample.rgb.rows);
  const int x = int(uniform(random, 0, 1) * (sample.rgb.cols - width));
  const int y = int(uniform(random, 0, 1) * (sample.rgb.rows - height));
  sample.rgb = sample.rgb.clone();  // the pixels may be shared
  sample.rgb(cv::Rect(x, y, width, height)).setTo(cv::Scalar(124, 116, 104));
  const Box hole{double(x), double(y), double(x + width), double(y + height)};
  std::erase_if(sample.objects, [&](const Object& object) {
    return intersection(object.box, hole).area() > (1 - kMinVisible) * object.box.area();
  });
}

Mosaic mosaic(const std::array<Sample, 4>& samples, std::mt19937_64& random) {
  Mosaic mosaic{samples[0], {}};
  Sample& result = mosaic.sample;
  const int width = result.rgb.cols, height = result.rgb.rows;
  result.rgb = cv::Mat(height, width, CV_8UC3, cv::Scalar(124, 116, 104));
  result.objects.clear();
  const int x = int(uniform(random, 0.3, 0.7) * width), y = int(uniform(random, 0.3, 0.7) * height);
  const cv::Rect corners[4] = {
      {0, 0, x, y}, {x, 0, width - x, y}, {0, y, x, height - y}, {x, y, width - x, height - y}};
  for (int i = 0; i < 4; ++i) {
    if (corners[i].empty()) continue;
    Sample part = samples[i];
    const double scale = std::max(double(corners[i].width) / part.rgb.cols,
                                  double(corners[i].height) / part.rgb.rows);
    const cv::Size size(std::max(corners[i].width, int(std::lround(part.rgb.cols * scale))),
                        std::max(corners[i].height, int(std::lround(part.rgb.rows * scale))));
    const double sx = double(size.width) / part.rgb.cols, sy = double(size.height) / part.rgb.rows;
    cv::Mat scaled;
    cv::resize(part.rgb, scaled, size, 0, 0, cv::INTER_LINEAR);
    for (auto& object : part.objects)
      object.box = {object.box.x1 * sx, object.box.y1 * sy, object.box.x2 * sx, object.box.y2 * sy};
    const int left = int(uniform(random, 0, 1) * (size.width - corners[i].width));
    const int top = int(uniform(random, 0, 1) * (size.height - corners[i].height));
    part.rgb = scaled(cv::Rect(left, top, corners[i].width, corners[i].height));
    mosaic.tiles[i] = {{sx, 0, double(corners[i].x - left), 0, sy, double(corners[i].y - top)},
                       corners[i]};
    shift(part, -left, -top);
    clip_boxes(part);
    part.rgb.copyTo(result.rgb(corners[i]));
    shift(part, corners[i].x, corners[i].y);
    result.objects.insert(result.objects.end(), part.objects.begin(), part.objects.end());
  }
  return mosaic;
}

}  // namespace lanner::datasets
