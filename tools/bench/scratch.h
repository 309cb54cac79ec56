#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

namespace lanner::tools {

// A temporary folder, removed by the destructor.
struct Scratch {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("lanner-bench-" + std::to_string(getpid()));
  Scratch() { std::filesystem::create_directories(path); }
  Scratch(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

}  // namespace lanner::tools
