#pragma once

namespace lanner::ops {

// Loads liblanner_ops_cuda, which registers the CUDA kernels, from beside liblanner_ops. Called
// once a CUDA device is asked for; a second call does nothing. Throws c10::Error where it cannot be
// loaded.
void load_cuda();

// Whether liblanner_ops_cuda was built.
bool has_cuda();

}  // namespace lanner::ops
