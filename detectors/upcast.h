#pragma once

#include <ATen/ATen.h>

namespace lanner::detectors {

// Returns 16-bit numbers as float, in which boxes and losses are computed; others as they are.
inline at::Tensor upcast(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
}

}  // namespace lanner::detectors
