#include "lanner/datasets/parallel.h"

#include <atomic>
#include <stdexcept>

#include "tests/catch.h"

using namespace lanner::datasets;

namespace {

// Starts `count` threads, then fails as the system does when it has no more.
StartThread failing_after(int count) {
  return [count](std::function<void()> run) mutable {
    if (count-- <= 0)
      throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
    return std::thread(std::move(run));
  };
}

}  // namespace

TEST_CASE("parallel_for calls each index once", "[threads]") {
  std::vector<std::atomic<int>> calls(1000);
  parallel_for(calls.size(), [&](size_t i) { ++calls[i]; });
  for (const auto& count : calls) CHECK(count == 1);
}

TEST_CASE("parallel_for goes on with the threads that could be started", "[threads]") {
  for (const int started : {0, 1}) {
    std::vector<std::atomic<int>> calls(100);
    parallel_for(
        calls.size(), [&](size_t i) { ++calls[i]; }, failing_after(started));
    for (const auto& count : calls) CHECK(count == 1);
  }
}

TEST_CASE("parallel_for rethrows an exception of a call", "[threads]") {
  const auto work = [](size_t i) {
    if (i == 7) throw std::runtime_error("seven");
  };
  CHECK_THROWS_WITH(parallel_for(10, work, failing_after(1)), "seven");
}
