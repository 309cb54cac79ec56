#pragma once

#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace lanner::datasets {

// Starts a thread that calls its argument, or throws; tests pass one that fails.
using StartThread = std::function<std::thread(std::function<void()>)>;

inline std::thread start_std_thread(std::function<void()> run) {
  return std::thread(std::move(run));
}

struct StartedThreads {
  std::vector<std::thread> threads;  // the caller joins them
  std::string error;                 // why fewer than requested were started; empty if all were
};

// Starts up to `count` threads. An exception here would destroy joinable threads and terminate the
// program, so a failure to start one is reported instead of thrown.
inline StartedThreads start_threads(size_t count, const std::function<void()>& run,
                                    const StartThread& start) {
  StartedThreads started;
  started.threads.reserve(count);
  try {
    while (started.threads.size() < count) started.threads.push_back(start(run));
  } catch (const std::exception& error) {
    started.error = error.what();
  }
  return started;
}

}  // namespace lanner::datasets
