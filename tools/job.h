#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <iostream>

#include "lanner/datasets/error.h"

// What all jobs have in common.
namespace lanner::tools {

// The signal that asked long work to save and stop; a second one ends it at once.
inline std::atomic<int> received{0};
inline bool stopping() { return received != 0; }

// Runs a job; errors become messages and exit codes here, so that nothing of them has to cross the
// library's border.
template <typename Job>
int run(Job job) {
  try {
    const int code = job();
    if (!stopping()) return code;
    std::cerr << "stopped by signal " << received << "\n";
    return 128 + received;
  } catch (const Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return static_cast<int>(error.code);
  } catch (const std::filesystem::filesystem_error& error) {
    std::cerr << "error: " << error.path1().string() << ": " << error.code().message() << "\n";
    return static_cast<int>(ExitCode::io);
  } catch (const std::exception& error) {
    std::cerr << "internal error: " << error.what() << "\n";
  }
  return static_cast<int>(ExitCode::internal);
}

template <typename Options>
const Options& as(const void* options) {
  return *static_cast<const Options*>(options);
}

}  // namespace lanner::tools
