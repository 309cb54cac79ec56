#pragma once

#include <cstdint>

namespace lanner::tools {

// What `lanner models` is told.
struct ModelsOptions {
  int64_t height = 800, width = 1088;  // of the image that GFLOPs are counted for
  int64_t classes = 80;
};

}  // namespace lanner::tools
