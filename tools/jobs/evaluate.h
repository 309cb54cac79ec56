#pragma once

#include <vector>

#include "lanner/datasets/reading/coco.h"
#include "lanner/ops/api.h"
#include "tools/options.h"

namespace lanner::tools {

// Evaluates the detections, prints the metrics and writes the files that the options name. Throws
// Error.
LANNER_API void evaluate(const EvalOptions& options, const datasets::CocoFile& truth,
                         const std::vector<datasets::CocoDetection>& detections);

}  // namespace lanner::tools
