#include "lanner/datasets/tracking/kalman.h"

#include <algorithm>

namespace lanner::datasets {
namespace {

constexpr double kPosition = 1. / 20,
                 kVelocity = 1. / 160;  // standard deviations, times the height

using State = cv::Matx<double, 8, 8>;
using Measurement = cv::Matx<double, 4, 1>;

Measurement measured(const Box& box) {
  const double height = std::max(box.height(), 1e-6);
  return {(box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2, box.width() / height, height};
}

template <int n>
cv::Matx<double, n, n> squared_diagonal(const double (&deviations)[n]) {
  cv::Matx<double, n, n> result;
  for (int i = 0; i < n; ++i) result(i, i) = deviations[i] * deviations[i];
  return result;
}

}  // namespace

BoxMotion::BoxMotion(const Box& box) {
  const auto m = measured(box);
  for (int i = 0; i < 4; ++i) mean_(i) = m(i);
  const double h = m(3), p = 2 * kPosition * h, v = 10 * kVelocity * h;
  covariance_ = squared_diagonal<8>({p, p, 1e-2, p, v, v, 1e-5, v});
}

void BoxMotion::predict() {
  State motion = State::eye();
  for (int i = 0; i < 4; ++i) motion(i, i + 4) = 1;
  const double h = mean_(3), p = kPosition * h, v = kVelocity * h;
  mean_ = motion * mean_;
  covariance_ =
      motion * covariance_ * motion.t() + squared_diagonal<8>({p, p, 1e-2, p, v, v, 1e-5, v});
}

void BoxMotion::update(const Box& box) {
  const double p = kPosition * mean_(3);
  const auto projected = covariance_.get_minor<4, 4>(0, 0) + squared_diagonal<4>({p, p, 1e-1, p});
  const cv::Matx<double, 8, 4> gain = covariance_.get_minor<8, 4>(0, 0) * projected.inv();
  const auto expected = mean_.get_minor<4, 1>(0, 0);
  mean_ += gain * (measured(box) - expected);
  covariance_ -= gain * projected * gain.t();
}

Box BoxMotion::box() const {
  const double height = std::max(mean_(3), 1e-6), width = std::max(mean_(2), 1e-6) * height;
  return {mean_(0) - width / 2, mean_(1) - height / 2, mean_(0) + width / 2, mean_(1) + height / 2};
}

}  // namespace lanner::datasets
