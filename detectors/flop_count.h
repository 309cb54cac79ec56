#pragma once

#include <ATen/record_function.h>

namespace lanner::detectors {

// Multiplications and additions of the convolutions, linear layers and matrix products that are
// called while it lives, in backward passes too but for those of deformable convolutions.
class FlopCount {
 public:
  FlopCount();
  FlopCount(const FlopCount&) = delete;
  ~FlopCount();
  double total() const;

 private:
  at::CallbackHandle handle_;
};

// Floating-point operations a second of the machine's best matrix product, measured.
double peak_rate(at::ScalarType type, const at::Device& device);

}  // namespace lanner::detectors
