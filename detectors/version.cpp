#include "lanner/detectors/version.h"

namespace lanner::detectors {

const char* version() { return LANNER_VERSION; }

}  // namespace lanner::detectors
