#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>

#include "lanner/datasets/start_threads.h"

namespace lanner::datasets {

// Calls work(0) .. work(count - 1) on all cores, in any order. If threads cannot be started, fewer
// are used; the calling thread always works. Rethrows an exception of one of the calls.
template <typename Work>
void parallel_for(size_t count, const Work& work, const StartThread& start = start_std_thread) {
  std::atomic<size_t> next{0};
  std::exception_ptr error;
  std::mutex mutex;
  const auto run = [&] {
    try {
      for (size_t i; (i = next++) < count;) work(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      error = std::current_exception();
      next = count;
    }
  };
  const size_t cores = std::max(1u, std::thread::hardware_concurrency());
  const size_t others = std::max<size_t>(1, std::min(cores, count)) - 1;
  auto started = start_threads(others, run, start);
  run();
  for (auto& thread : started.threads) thread.join();
  if (error) std::rethrow_exception(error);
}

}  // namespace lanner::datasets
