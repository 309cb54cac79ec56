#pragma once

#include "lanner/ops/torch.h"

namespace lanner::detectors {

// Measures of the spread of features, which detect representation collapse: a network that maps all
// inputs to one point has learned nothing, however low its loss.
struct FeatureStats {
  // Root of the total variance of the L2-normalized features, 0..1: 1 if isotropic, 0 if collapsed.
  double deviation = 0;
  // Effective rank, 1..D: exp of the entropy of the normalized singular values (Roy and Vetterli,
  // "The effective rank", EUSIPCO 2007).
  double rank = 0;
};

// features: [P, D], P >= 2.
FeatureStats feature_stats(const at::Tensor& features);

}  // namespace lanner::detectors
