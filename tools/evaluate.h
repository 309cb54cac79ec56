#pragma once

#include <vector>

#include "lanner/datasets/coco.h"
#include "tools/eval_options.h"

namespace lanner::tools {

// Saves, measures and prints what `lanner eval` is asked for.
void evaluate(const EvalOptions& options, const datasets::CocoFile& truth,
              const std::vector<datasets::CocoDetection>& detections);

}  // namespace lanner::tools
