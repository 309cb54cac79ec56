#pragma once

#include "lanner/detectors/pretraining/options.h"

namespace lanner::tools {

// Measures how well the features of backbones separate classes of images (`lanner probe`). Prints a
// table and writes it as JSON. Throws Error. Returns the exit code.
int probe_weights(const detectors::ProbeOptions& options);

}  // namespace lanner::tools
