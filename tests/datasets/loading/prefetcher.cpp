#include "lanner/datasets/loading/prefetcher.h"

#include <atomic>
#include <chrono>

#include "lanner/datasets/error.h"
#include "tests/catch.h"

using lanner::datasets::Prefetcher;

TEST_CASE("Prefetcher returns items in order", "[threads]") {
  Prefetcher<int64_t> numbers(50, 4, 6, [](int64_t i) {
    std::this_thread::sleep_for(std::chrono::microseconds((i * 7919) % 300));
    return i;
  });
  for (int64_t i = 0; i < 50; ++i) CHECK(numbers.next() == i);
  CHECK_FALSE(numbers.next());
}

TEST_CASE("Prefetcher makes at most `ahead` items in advance", "[threads]") {
  std::atomic<int64_t> made{0};
  Prefetcher<int64_t> numbers(100, 3, 5, [&](int64_t i) { return ++made, i; });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(made <= 5);
  numbers.next();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(made <= 6);
}

TEST_CASE("Prefetcher rethrows an exception at its item and continues", "[threads]") {
  Prefetcher<int64_t> numbers(3, 2, 3, [](int64_t i) {
    if (i == 1) throw std::runtime_error("second item");
    return i;
  });
  CHECK(numbers.next() == 0);
  CHECK_THROWS_WITH(numbers.next(), "second item");
  CHECK(numbers.next() == 2);
  CHECK_FALSE(numbers.next());
}

TEST_CASE("Prefetcher can be destroyed before all items are taken", "[threads]") {
  for (int taken = 0; taken < 4; ++taken) {
    Prefetcher<int64_t> numbers(1000, 2, 4, [](int64_t i) { return i; });
    for (int i = 0; i < taken; ++i) numbers.next();
  }
}

TEST_CASE("Prefetcher goes on with the threads that could be started", "[threads]") {
  int started = 0;
  const auto start = [&](std::function<void()> run) {
    if (started == 1)
      throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
    ++started;
    return std::thread(std::move(run));
  };
  Prefetcher<int64_t> numbers(
      20, 4, 6, [](int64_t i) { return i; }, start);
  for (int64_t i = 0; i < 20; ++i) CHECK(numbers.next() == i);
  CHECK_FALSE(numbers.next());
}

TEST_CASE("Prefetcher throws an internal error where no thread can be started", "[threads]") {
  const auto start = [](std::function<void()>) -> std::thread {
    throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
  };
  const auto make = [](int64_t i) { return i; };
  try {
    Prefetcher<int64_t> numbers(20, 4, 6, make, start);
    FAIL("expected an error");
  } catch (const lanner::Error& error) {
    CHECK(error.code == lanner::ExitCode::internal);
    CHECK_THAT(error.what(), ContainsSubstring("no thread could be started"));
  }
}
