#pragma once

#include "lanner/detectors/auto_options.h"
#include "lanner/detectors/training/options.h"

namespace lanner::detectors {

// What `--preset auto` chooses by: the data, this machine, the minutes, and the weights of
// options.init. Throws as train() does for data and weights that cannot be read, and for options
// out of range.
LANNER_API AutoInput auto_input(const TrainOptions& options);

}  // namespace lanner::detectors
