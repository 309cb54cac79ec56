#pragma once

#include "tools/options.h"

namespace lanner::tools {

// Runs a detector on a data set and evaluates its detections. Throws Error. Returns the exit code.
int evaluate_model(const EvalOptions& options);

}  // namespace lanner::tools
