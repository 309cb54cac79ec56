#pragma once

#include "tools/bench_options.h"

namespace lanner::tools {

// A step of CPC: ResNet-18 on 32 images of 128 x 128 in 7 x 7 patches of 32, beside a plain PyTorch
// program of the same step, and its share of the machine's best matrix product.
int bench_pretrain(const BenchOptions& options);

}  // namespace lanner::tools
