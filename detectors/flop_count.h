#pragma once

#include <ATen/record_function.h>

#include "lanner/ops/api.h"

namespace lanner::detectors {

// Counts the floating-point operations, multiplications plus additions, of all convolutions, linear
// layers and matrix products of the process during its lifetime. Backward passes are included,
// except those of deformable convolutions. Only one may exist at a time.
class LANNER_API FlopCount {
 public:
  FlopCount();
  FlopCount(const FlopCount&) = delete;
  ~FlopCount();
  double total() const;

 private:
  at::CallbackHandle handle_;
};

// Measures the machine's peak rate of matrix products, in FLOP/s.
LANNER_API double peak_rate(at::ScalarType type, const at::Device& device);

}  // namespace lanner::detectors
