#pragma once

#include <functional>

#include "lanner/detectors/pretraining/options.h"
#include "lanner/detectors/training/loop.h"

namespace lanner::detectors {

// Pretrains a backbone by CPC: what `lanner pretrain` does. Throws Error; see run_loop for what it
// writes. Labels, where the folders have any, are never read.
LoopEnd pretrain(const PretrainOptions& options, const std::function<bool()>& stop);

}  // namespace lanner::detectors
