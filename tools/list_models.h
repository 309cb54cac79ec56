#pragma once

#include "tools/models_options.h"

namespace lanner::tools {

// Prints the presets, with parameters and GFLOPs. Returns the exit code.
int list_models(const ModelsOptions& options);

}  // namespace lanner::tools
