#include "lanner/datasets/images/strong_view.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "lanner/datasets/images/augment.h"

namespace lanner::datasets {
namespace {

const cv::Scalar kFill(124, 116, 104);  // the mean color of ImageNet

double uniform(double low, double high, std::mt19937_64& random) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

bool chance(double probability, std::mt19937_64& random) {
  return uniform(0, 1, random) < probability;
}

cv::Matx23d random_map(const cv::Size& size, const StrongViewOptions& o, double flip,
                       std::mt19937_64& random) {
  const double scale = std::exp(uniform(-1, 1, random) * std::log1p(o.scale));
  const bool mirrored = chance(flip, random);
  const double dx = uniform(-o.shift, o.shift, random) * size.width,
               dy = uniform(-o.shift, o.shift, random) * size.height;
  const double sx = mirrored ? -scale : scale;
  // The center stays where it is, but for the shift.
  return {sx, 0, size.width / 2. * (1 - sx) + dx, 0, scale, size.height / 2. * (1 - scale) + dy};
}

void change_colors(cv::Mat& rgb, const StrongViewOptions& o, std::mt19937_64& random) {
  if (chance(o.gray, random)) {
    cv::Mat gray;
    cv::cvtColor(rgb, gray, cv::COLOR_RGB2GRAY);
    cv::cvtColor(gray, rgb, cv::COLOR_GRAY2RGB);
  }
  if (chance(o.blur, random)) cv::GaussianBlur(rgb, rgb, {}, uniform(0.3, 1.5, random));
}

void fill_rectangles(cv::Mat& rgb, std::mt19937_64& random) {
  const int count = std::uniform_int_distribution<int>(1, 4)(random);
  for (int i = 0; i < count; ++i) {
    const double area = uniform(0.01, 0.06, random), shape = std::exp(uniform(-0.7, 0.7, random));
    const int width = std::clamp(int(rgb.cols * std::sqrt(area * shape)), 1, rgb.cols);
    const int height = std::clamp(int(rgb.rows * std::sqrt(area / shape)), 1, rgb.rows);
    const int x = int(uniform(0, 1, random) * (rgb.cols - width));
    const int y = int(uniform(0, 1, random) * (rgb.rows - height));
    rgb(cv::Rect(x, y, width, height)).setTo(kFill);
  }
}

}  // namespace

Box mapped(const Box& box, const cv::Matx23d& m) {
  Box result{1e300, 1e300, -1e300, -1e300};
  for (const double x : {box.x1, box.x2}) {
    for (const double y : {box.y1, box.y2}) {
      const double u = m(0, 0) * x + m(0, 1) * y + m(0, 2), v = m(1, 0) * x + m(1, 1) * y + m(1, 2);
      result = {std::min(result.x1, u), std::min(result.y1, v), std::max(result.x2, u),
                std::max(result.y2, v)};
    }
  }
  return result;
}

cv::Matx23d strong_view(Sample& sample, const StrongViewOptions& options, double flip,
                        std::mt19937_64& random) {
  const auto map = random_map(sample.rgb.size(), options, flip, random);
  // OpenCV's coordinates are those of pixel centers, ours those of their corners.
  auto centers = map;
  for (int row = 0; row < 2; ++row) centers(row, 2) += (map(row, 0) + map(row, 1)) / 2 - 0.5;
  cv::Mat out;
  cv::warpAffine(sample.rgb, out, centers, sample.rgb.size(), cv::INTER_LINEAR, cv::BORDER_CONSTANT,
                 kFill);
  sample.rgb = out;
  for (auto& object : sample.objects) object.box = mapped(object.box, map);
  clip_boxes(sample);
  if (options.color > 0) jitter_colors(sample, options.color, random);
  change_colors(sample.rgb, options, random);
  if (chance(options.cutout, random)) fill_rectangles(sample.rgb, random);
  return map;
}

}  // namespace lanner::datasets
