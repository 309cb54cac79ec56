#include "lanner/datasets/prefetcher.h"

#include <atomic>
#include <chrono>

#include "tests/catch.h"

using lanner::datasets::Prefetcher;

TEST_CASE("items come in order, whatever thread is first") {
  Prefetcher<int64_t> numbers(50, 4, 6, [](int64_t i) {
    std::this_thread::sleep_for(std::chrono::microseconds((i * 7919) % 300));
    return i;
  });
  for (int64_t i = 0; i < 50; ++i) CHECK(numbers.next() == i);
  CHECK_FALSE(numbers.next());
}

TEST_CASE("no more is made ahead than was asked for") {
  std::atomic<int64_t> made{0};
  Prefetcher<int64_t> numbers(100, 3, 5, [&](int64_t i) { return ++made, i; });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(made <= 5);
  numbers.next();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(made <= 6);
}

TEST_CASE("what a thread throws is thrown in its place, and the rest goes on") {
  Prefetcher<int64_t> numbers(3, 2, 3, [](int64_t i) {
    if (i == 1) throw std::runtime_error("the second");
    return i;
  });
  CHECK(numbers.next() == 0);
  CHECK_THROWS_WITH(numbers.next(), "the second");
  CHECK(numbers.next() == 2);
  CHECK_FALSE(numbers.next());
}

TEST_CASE("it can be left at any point") {
  for (int taken = 0; taken < 4; ++taken) {
    Prefetcher<int64_t> numbers(1000, 2, 4, [](int64_t i) { return i; });
    for (int i = 0; i < taken; ++i) numbers.next();
  }
}
