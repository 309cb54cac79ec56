#pragma once

#include "tools/bench_options.h"

namespace lanner::tools {

// CPU time from JPEG files of 640 x 480 to normalised images of 1067 x 800, and the augmentations
// of training, beside torchvision's usual path (decode, float, normalise, interpolate).
int bench_loader(const BenchOptions& options);

}  // namespace lanner::tools
