#pragma once

#include "lanner/ops/api.h"

namespace lanner::ops {

// Gives the calling thread a stack of its own for signal handlers that are installed with
// SA_ONSTACK, unless it has one. Some of oneDNN's matrix products keep heap addresses in the
// stack pointer (github.com/uxlfoundation/oneDNN, issue 4845), and a handler that ran there would
// overwrite the heap. Requires a thread that lives as long as the process: the one that receives
// its signals, which is the first one unless it blocks them.
LANNER_API void use_signal_stack();

}  // namespace lanner::ops
