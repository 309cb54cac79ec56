#pragma once

#include "tools/options.h"

namespace lanner::tools {

// Quantizes a detector and writes it (`lanner quantize`). Throws Error.
void quantize_detector(const QuantizeOptions& options);

}  // namespace lanner::tools
