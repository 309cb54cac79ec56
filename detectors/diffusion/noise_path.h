#pragma once

#include <vector>

#include "lanner/detectors/diffusion/options.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// A level of noise: x = s x_0 + sigma e, with e from N(0, 1). s = 1 and sigma = 0: no noise.
struct NoiseLevel {
  double s = 1, sigma = 0;
  double time = 0;  // what the network is told, 0..1000
};

// The level at a fraction of the path, 0 (none) .. 1 (noise alone).
LANNER_API NoiseLevel level_at(NoisePath path, double fraction);

// The levels of a sampler from noise to none: steps + 1.
LANNER_API std::vector<NoiseLevel> sampling_levels(NoisePath path, int64_t steps);

}  // namespace lanner::detectors
