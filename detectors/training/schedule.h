#pragma once

#include "lanner/detectors/training/options.h"

namespace lanner::detectors {

// The learning rate's factor at a step, when `progress` (0..1) of the run is over, be it by steps
// or by time.
double schedule_factor(const LoopOptions& options, int64_t step, double progress);

// Does the learning rate still rise? For warmup_steps, but never longer than a tenth of the run.
bool warming_up(const LoopOptions& options, int64_t step, double progress);

}  // namespace lanner::detectors
