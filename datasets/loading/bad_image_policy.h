#pragma once

#include <cstdint>
#include <iostream>
#include <mutex>
#include <set>
#include <string>

#include "lanner/datasets/error.h"

namespace lanner::datasets {

// Handles images that cannot be read during training: either throws the error, or prints it once
// per image and uses another image instead. Thread-safe.
class BadImagePolicy {
 public:
  explicit BadImagePolicy(bool skip) : skip_(skip) {}

  // Returns read(item). If that fails and bad images are skipped, tries the items after it, and
  // from 0 again after the last of the `count` items, until one can be read. Rethrows the error of
  // read() if bad images are not skipped or no item can be read.
  template <typename Read>
  auto replaced(int64_t item, int64_t count, const Read& read) {
    for (int64_t skipped = 0;; ++skipped) {
      try {
        return read((item + skipped) % count);
      } catch (const Error& error) {
        if (!skip_ || skipped + 1 == count) throw;
        const std::lock_guard lock(mutex_);
        if (printed_errors_.insert(error.what()).second)
          std::cerr << "warning: " << error.what() << ": skipped\n";
      }
    }
  }

 private:
  const bool skip_;
  std::mutex mutex_;
  std::set<std::string> printed_errors_;
};

}  // namespace lanner::datasets
