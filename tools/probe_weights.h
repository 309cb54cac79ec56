#pragma once

#include "lanner/detectors/pretraining/options.h"

namespace lanner::tools {

// `lanner probe`: prints the table, writes the JSON.
int probe_weights(const detectors::ProbeOptions& options);

}  // namespace lanner::tools
