#pragma once

#include "tools/bench_options.h"

namespace lanner::tools {

// `lanner eval` of 5,000 images with 500,000 detections, and `lanner check-data --images skip` of
// annotations of the size of COCO's train2017, each beside pycocotools. Returns an exit code.
int bench_eval(const BenchOptions& options);

}  // namespace lanner::tools
