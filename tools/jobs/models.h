#pragma once

#include "tools/options.h"

namespace lanner::tools {

// Prints the presets with their numbers of parameters and GFLOPs. Returns the exit code.
int list_models(const ModelsOptions& options);

}  // namespace lanner::tools
