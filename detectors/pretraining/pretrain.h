#pragma once

#include <functional>

#include "lanner/detectors/pretraining/options.h"
#include "lanner/detectors/training/loop.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// Implements `lanner pretrain`: pretrains a backbone with CPC, SimCLR or regions on images
// without labels; folder names do not influence the result. See run_loop() for the files it writes
// and for stop(). Throws Error.
LANNER_API LoopEnd pretrain(const PretrainOptions& options, const std::function<bool()>& stop);

}  // namespace lanner::detectors
