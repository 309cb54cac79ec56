#include "lanner/detectors/training/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "lanner/detectors/distributed/ranks.h"

namespace lanner::detectors {

int64_t images_per_step(const LoopOptions& options) {
  return int64_t{options.batch_size} * options.accumulate * ranks().size;
}

int64_t steps_per_epoch(const LoopOptions& options, int64_t images) {
  return std::max<int64_t>(1, images / images_per_step(options));
}

int64_t total_steps(const LoopOptions& options, int64_t per_epoch) {
  return options.max_steps > 0 ? options.max_steps : per_epoch * options.epochs;
}

double run_lr(const LoopOptions& options) {
  if (options.lr_images == 0) return options.lr;
  return options.lr * static_cast<double>(images_per_step(options)) / options.lr_images;
}

double schedule_factor(const LoopOptions& options, int64_t step, double progress) {
  progress = std::clamp(progress, 0., 1.);
  double factor = 1;
  if (options.schedule == "cosine")
    factor = 0.5 * (1 + std::cos(std::numbers::pi * progress));
  else if (options.schedule == "poly")
    factor = std::pow(1 - progress, 0.9);
  else
    for (const double milestone : options.lr_milestones)
      if (progress >= milestone) factor *= 0.1;
  if (warming_up(options, step, progress)) {
    const double warmup_progress = std::max(
        static_cast<double>(step) / static_cast<double>(options.warmup_steps), 10 * progress);
    factor *= 0.001 + (1 - 0.001) * warmup_progress;
  }
  return factor;
}

bool warming_up(const LoopOptions& options, int64_t step, double progress) {
  return step < options.warmup_steps && progress < 0.1;
}

}  // namespace lanner::detectors
