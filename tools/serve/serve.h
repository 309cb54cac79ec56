#pragma once

#include <functional>

#include "tools/serve/options.h"

namespace lanner::tools {

// Answers requests until stop() returns true, then finishes those that came. docs/serving.md
// describes them. Throws io_error if the address cannot be listened on, and as load_detector().
void serve(const ServeOptions& options, const std::function<bool()>& stop);

}  // namespace lanner::tools
