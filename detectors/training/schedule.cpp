#include "lanner/detectors/training/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lanner::detectors {

double schedule_factor(const LoopOptions& options, int64_t step, double progress) {
  progress = std::clamp(progress, 0., 1.);
  double factor = 1;
  if (options.schedule == "cosine")
    factor = 0.5 * (1 + std::cos(std::numbers::pi * progress));
  else
    for (const double drop : options.lr_drops)
      if (progress >= drop) factor *= 0.1;
  if (step < options.warmup_steps) {
    // A tenth of the run is warm-up enough, however short the run.
    const double warm = std::max(
        static_cast<double>(step) / static_cast<double>(options.warmup_steps), 10 * progress);
    factor *= 0.001 + (1 - 0.001) * std::min(1., warm);
  }
  return factor;
}

}  // namespace lanner::detectors
