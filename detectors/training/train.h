#pragma once

#include <functional>

#include "lanner/detectors/training/loop.h"
#include "lanner/detectors/training/options.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// Trains a detector: what `lanner train` does. Throws Error; see run_loop for what it writes.
LANNER_API LoopEnd train(const TrainOptions& options, const std::function<bool()>& stop);

}  // namespace lanner::detectors
