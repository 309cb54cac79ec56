#pragma once

#include <cstdint>
#include <iostream>
#include <mutex>
#include <set>
#include <string>

#include "lanner/datasets/error.h"

namespace lanner::datasets {

// What is done about images that cannot be read while training: they end the run, or are warned of,
// each once, and others are taken in their place. Threads may share it.
class BadImages {
 public:
  explicit BadImages(bool skip) : skip_(skip) {}

  // read(item), or of the next item that can be read where bad ones are skipped. Throws what read
  // throws where they are not, or where none of the `count` items can be read.
  template <typename Read>
  auto replaced(int64_t item, int64_t count, const Read& read) {
    for (int64_t passed = 0;; ++passed) try {
        return read((item + passed) % count);
      } catch (const Error& error) {
        if (!skip_ || passed + 1 == count) throw;
        const std::lock_guard lock(mutex_);
        if (warned_.insert(error.what()).second)
          std::cerr << "warning: " << error.what() << ": skipped\n";
      }
  }

 private:
  const bool skip_;
  std::mutex mutex_;
  std::set<std::string> warned_;
};

}  // namespace lanner::datasets
