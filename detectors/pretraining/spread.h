#pragma once

#include <torch/torch.h>

namespace lanner::detectors {

// How much features differ: a network that maps everything to one point has learned nothing,
// however low its loss.
struct FeatureSpread {
  double deviation = 0;  // of unit features, times the root of D: 1 all ways alike, 0 collapsed
  double rank = 0;       // 1..D, effective: exp of the entropy of the singular values' shares
};

// features: [P, D], P >= 2 (Roy and Vetterli 2007 for the rank).
FeatureSpread feature_spread(const at::Tensor& features);

}  // namespace lanner::detectors
