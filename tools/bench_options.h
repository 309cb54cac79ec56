#pragma once

#include <cstdint>
#include <filesystem>

namespace lanner::tools {

// What `lanner bench` is told.
struct BenchOptions {
  int64_t threads = 0;  // 0: torch's choice
  int64_t runs = 7;     // the median is shown
  std::filesystem::path json;
};

}  // namespace lanner::tools
