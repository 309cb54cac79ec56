#pragma once

#include "lanner/ops/api.h"

namespace lanner::ops {

// Loads liblanner_ops_cuda, which registers the CUDA kernels, from the directory of liblanner_ops.
// Called when a CUDA device is requested; further calls have no effect. Throws c10::Error if the
// library cannot be loaded.
LANNER_API void load_cuda();

// Whether liblanner_ops_cuda was built.
LANNER_API bool has_cuda();

}  // namespace lanner::ops
