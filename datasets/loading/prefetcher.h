#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "lanner/datasets/error.h"
#include "lanner/datasets/start_threads.h"

namespace lanner::datasets {

// Produces items 0 .. count-1 on background threads and returns them in order. At most `ahead`
// items are made before they are taken. An exception of make() is rethrown by the next() that would
// have returned its item. The destructor waits for the items that are being made.
template <typename T>
class Prefetcher {
 public:
  // If fewer than `threads` can be started, those are used. Throws Error (internal) if none can.
  Prefetcher(int64_t count, int threads, int64_t ahead, std::function<T(int64_t)> make,
             const StartThread& start = start_std_thread)
      : count_(count), ahead_(ahead), make_(std::move(make)) {
    auto started = start_threads(
        static_cast<size_t>(std::max(1, threads)), [this] { work(); }, start);
    if (started.threads.empty())
      throw Error(ExitCode::internal, "loader: no thread could be started: " + started.error);
    threads_ = std::move(started.threads);
  }
  Prefetcher(const Prefetcher&) = delete;
  ~Prefetcher() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  // Waits for the next item; nullopt after the last one.
  std::optional<T> next() {
    std::unique_lock lock(mutex_);
    if (taken_ == count_) return std::nullopt;
    changed_.wait(lock, [&] { return !made_.empty() && made_.front(); });
    auto item = std::move(*made_.front());
    made_.pop_front();
    ++taken_;
    lock.unlock();
    changed_.notify_all();
    if (auto* error = std::get_if<std::exception_ptr>(&item)) std::rethrow_exception(*error);
    return std::get<T>(std::move(item));
  }

 private:
  using Item = std::variant<T, std::exception_ptr>;

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock,
                    [&] { return stopping_ || begun_ == count_ || begun_ < taken_ + ahead_; });
      if (stopping_ || begun_ == count_) return;
      const int64_t index = begun_++;
      made_.emplace_back();
      lock.unlock();
      std::optional<Item> item;
      try {
        item = make_(index);
      } catch (...) {
        item = std::current_exception();
      }
      lock.lock();
      made_[index - taken_] = std::move(item);
      changed_.notify_all();
    }
  }

  const int64_t count_, ahead_;
  const std::function<T(int64_t)> make_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::optional<Item>> made_;  // items taken_ .. begun_-1; nullopt while being made
  int64_t begun_ = 0, taken_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace lanner::datasets
