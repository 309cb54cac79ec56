#pragma once

#include <opencv2/core.hpp>

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

// The motion of a box, at a constant velocity: a Kalman filter of its center, its ratio of width to
// height, its height, and their changes per frame, with the noise of DeepSORT (arXiv 1703.07402,
// 2.1), which is relative to the height.
class BoxMotion {
 public:
  explicit BoxMotion(const Box& box);
  void predict();               // moves on by a frame
  void update(const Box& box);  // corrects by what was measured
  // The size does not change in prediction: an object that is lost must not shrink to nothing.
  void stop_growing() { mean_(7) = 0; }
  Box box() const;

 private:
  cv::Matx<double, 8, 1> mean_;
  cv::Matx<double, 8, 8> covariance_;
};

}  // namespace lanner::datasets
