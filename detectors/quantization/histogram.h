#pragma once

#include <string>

#include "lanner/detectors/quantization/int8.h"

namespace lanner::detectors {

// Counts of a layer's values, from which its quantized range is chosen.
class Histogram {
 public:
  // Counts at most some 250,000 values of x, evenly spaced; the range is that of all. Values that
  // are not finite throw bad_data.
  void add(const at::Tensor& x);

  // `range` is as in CalibrationOptions. The range always holds 0, which padding needs.
  Affine affine(const std::string& range) const;

 private:
  std::pair<double, double> outer(double share) const;  // without `share` of the values
  double squared_error(double low, double high) const;

  static constexpr int64_t kBins = 4096;  // over -limit_ .. limit_
  double limit_ = 0, low_ = 0, high_ = 0;
  at::Tensor counts_;  // double [kBins]
};

}  // namespace lanner::detectors
