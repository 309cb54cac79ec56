#include "lanner/datasets/augment.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

namespace lanner::datasets {
namespace {

constexpr double kLeastLeft = 0.25;  // of a box's area

double draw(std::mt19937_64& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

void shift(Sample& sample, double x, double y) {
  for (auto& object : sample.objects)
    object.box = {object.box.x1 + x, object.box.y1 + y, object.box.x2 + x, object.box.y2 + y};
}

}  // namespace

void clip_boxes(Sample& sample) {
  const Box image{0, 0, double(sample.rgb.cols), double(sample.rgb.rows)};
  std::erase_if(sample.objects, [&](Object& object) {
    const double before = object.box.area();
    object.box = intersection(object.box, image);
    return object.box.width() < 1 || object.box.height() < 1 ||
           object.box.area() < kLeastLeft * before;
  });
}

void crop_by_iou(Sample& sample, std::mt19937_64& random) {
  constexpr std::array kOverlaps{0., .1, .3, .5, .7, .9, 1.};
  const double least =
      kOverlaps[std::uniform_int_distribution<size_t>(0, kOverlaps.size() - 1)(random)];
  if (least == 1) return;
  for (int attempt = 0; attempt < 40; ++attempt) {
    const double width = draw(random, 0.3, 1), height = draw(random, 0.3, 1);
    const double left = draw(random, 0, 1 - width), top = draw(random, 0, 1 - height);
    if (width / height < 0.5 || width / height > 2) continue;
    const cv::Rect part(int(left * sample.rgb.cols), int(top * sample.rgb.rows),
                        std::max(1, int(width * sample.rgb.cols)),
                        std::max(1, int(height * sample.rgb.rows)));
    const Box crop{double(part.x), double(part.y), double(part.x + part.width),
                   double(part.y + part.height)};
    const auto centred = [&](const Object& object) {
      const double x = (object.box.x1 + object.box.x2) / 2, y = (object.box.y1 + object.box.y2) / 2;
      return x > crop.x1 && x < crop.x2 && y > crop.y1 && y < crop.y2;
    };
    const bool overlaps =
        sample.objects.empty() ||
        std::any_of(sample.objects.begin(), sample.objects.end(), [&](const Object& object) {
          return centred(object) && iou(object.box, crop) >= least;
        });
    if (!overlaps) continue;
    std::erase_if(sample.objects, [&](const Object& object) { return !centred(object); });
    sample.rgb = sample.rgb(part);
    shift(sample, -crop.x1, -crop.y1);
    clip_boxes(sample);
    return;
  }
}

void cut_out(Sample& sample, std::mt19937_64& random) {
  const double part = draw(random, 0.02, 0.2), shape = std::exp(draw(random, -0.7, 0.7));
  const int width = std::clamp(int(sample.rgb.cols * std::sqrt(part * shape)), 1, sample.rgb.cols);
  const int height = std::clamp(int(sample.rgb.rows * std::sqrt(part / shape)), 1, sample.rgb.rows);
  const int x = int(draw(random, 0, 1) * (sample.rgb.cols - width));
  const int y = int(draw(random, 0, 1) * (sample.rgb.rows - height));
  sample.rgb = sample.rgb.clone();  // it may be shared
  sample.rgb(cv::Rect(x, y, width, height)).setTo(cv::Scalar(124, 116, 104));
  const Box hole{double(x), double(y), double(x + width), double(y + height)};
  std::erase_if(sample.objects, [&](const Object& object) {
    return intersection(object.box, hole).area() > (1 - kLeastLeft) * object.box.area();
  });
}

Sample mosaic(const std::array<Sample, 4>& samples, std::mt19937_64& random) {
  Sample whole = samples[0];
  const int width = whole.rgb.cols, height = whole.rgb.rows;
  whole.rgb = cv::Mat(height, width, CV_8UC3, cv::Scalar(124, 116, 104));
  whole.objects.clear();
  const int x = int(draw(random, 0.3, 0.7) * width), y = int(draw(random, 0.3, 0.7) * height);
  const cv::Rect corners[4] = {
      {0, 0, x, y}, {x, 0, width - x, y}, {0, y, x, height - y}, {x, y, width - x, height - y}};
  for (int i = 0; i < 4; ++i) {
    if (corners[i].empty()) continue;
    Sample one = samples[i];
    const double scale =
        std::max(double(corners[i].width) / one.rgb.cols, double(corners[i].height) / one.rgb.rows);
    const cv::Size size(std::max(corners[i].width, int(std::lround(one.rgb.cols * scale))),
                        std::max(corners[i].height, int(std::lround(one.rgb.rows * scale))));
    const double sx = double(size.width) / one.rgb.cols, sy = double(size.height) / one.rgb.rows;
    cv::Mat scaled;
    cv::resize(one.rgb, scaled, size, 0, 0, cv::INTER_LINEAR);
    for (auto& object : one.objects)
      object.box = {object.box.x1 * sx, object.box.y1 * sy, object.box.x2 * sx, object.box.y2 * sy};
    const int left = int(draw(random, 0, 1) * (size.width - corners[i].width));
    const int top = int(draw(random, 0, 1) * (size.height - corners[i].height));
    one.rgb = scaled(cv::Rect(left, top, corners[i].width, corners[i].height));
    shift(one, -left, -top);
    clip_boxes(one);
    one.rgb.copyTo(whole.rgb(corners[i]));
    shift(one, corners[i].x, corners[i].y);
    whole.objects.insert(whole.objects.end(), one.objects.begin(), one.objects.end());
  }
  return whole;
}

}  // namespace lanner::datasets
