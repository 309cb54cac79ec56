#pragma once

#include "tools/bench_options.h"

namespace lanner::tools {

// Prints milliseconds and ratio of each operator, ours and torchvision's interleaved in one run.
// Returns an exit code. Throws io_error where the JSON cannot be written.
int bench_ops(const BenchOptions& options);

}  // namespace lanner::tools
