#pragma once

#include <c10/core/impl/LocalDispatchKeySet.h>

#include "lanner/ops/api.h"

namespace lanner::detectors {

// While a guard exists, its thread fills no tensor with random numbers. A module that is built then
// has weights that are not initialized, and must be given others before it is used. Most of the
// time to load a detector went into random weights, and their memory was paid for twice.
class LANNER_API SkipInit {
 public:
  SkipInit();

 private:
  c10::impl::IncludeDispatchKeyGuard guard_;
};

}  // namespace lanner::detectors
