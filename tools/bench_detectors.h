#pragma once

#include "tools/bench_options.h"

namespace lanner::tools {

// Each prints its table, and writes it to options.json where that is given. Returns the exit code.
int bench_detect(const BenchOptions& options);  // Faster R-CNN ResNet-50-FPN beside torchvision's
int bench_train(const BenchOptions& options);   // a step of it, and of ResNet-18-FPN
int bench_rois(const BenchOptions& options);    // R-FCN and Faster R-CNN C4 by number of RoIs

}  // namespace lanner::tools
