#pragma once

#include "tools/bench_options.h"

namespace lanner::tools {

// `lanner eval` of 5,000 images with 36,000 boxes and 500,000 detections, and `lanner check-data`
// of annotations of the size of COCO's train2017, each as a process beside one of pycocotools.
int bench_eval(const BenchOptions& options);

}  // namespace lanner::tools
