#pragma once

#include "lanner/detectors/training/loop_options.h"

namespace lanner::detectors {

// Images of a step, in all ranks.
int64_t images_per_step(const LoopOptions& options);

// At least 1.
int64_t steps_per_epoch(const LoopOptions& options, int64_t images);

// The steps of a run that is not ended by its minutes.
int64_t total_steps(const LoopOptions& options, int64_t per_epoch);

// The learning rate before the schedule: options.lr, which options.lr_images scales with the images
// of a step (arXiv 1706.02677, section 2.1).
double run_lr(const LoopOptions& options);

// Returns the factor of the learning rate, 0..1, at a step. progress: the fraction of the run that
// is over, 0..1, by steps or by time.
double schedule_factor(const LoopOptions& options, int64_t step, double progress);

// Whether the learning rate is still in its warm-up, which takes options.warmup_steps but at most a
// tenth of the run.
bool warming_up(const LoopOptions& options, int64_t step, double progress);

}  // namespace lanner::detectors
