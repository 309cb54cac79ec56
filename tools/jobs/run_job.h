#pragma once

#include <atomic>
#include <filesystem>
#include <iostream>

#include "lanner/datasets/error.h"

namespace lanner::tools {

// The signal that asked long work to save and stop; a second one ends the program at once.
inline std::atomic<int> received_signal{0};
inline bool stopping() { return received_signal != 0; }

// Runs a job. Errors become messages and exit codes here, so that no exception crosses the border
// of the library.
template <typename Job>
int run_job(Job job) {
  try {
    const int code = job();
    if (!stopping()) return code;
    std::cerr << "stopped by signal " << received_signal << "\n";
    return 128 + received_signal;
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

}  // namespace lanner::tools
