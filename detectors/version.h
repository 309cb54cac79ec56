#pragma once

#include "lanner/ops/api.h"

namespace lanner::detectors {

LANNER_API const char* version();  // of lanner, as "0.1.0"

}  // namespace lanner::detectors
