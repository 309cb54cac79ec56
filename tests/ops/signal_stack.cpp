#include "lanner/ops/signal_stack.h"

#include <torch/torch.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "lanner/ops/matmul_transposed.h"
#include "tests/catch.h"

namespace {

std::atomic<int> signals{0};

}  // namespace

// Some of oneDNN's matrix products keep heap addresses in the stack pointer: without a stack for
// signals this overwrites the heap, and ends in abort().
TEST_CASE("signals during matrix products leave the heap as it is") {
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int) { ++signals; };
  action.sa_flags = SA_ONSTACK;
  REQUIRE(sigaction(SIGUSR1, &action, &before) == 0);
  std::atomic<bool> done{false};
  bool equal = true;
  // In a thread of its own: Catch2 has given its own one a stack for signals.
  std::thread products([&] {
    lanner::ops::use_signal_stack();
    const auto a = torch::rand({192, 4704}), b = torch::rand({256, 4704});
    const auto expected = lanner::ops::times_transposed(a, b);
    while (!done) equal &= torch::equal(lanner::ops::times_transposed(a, b), expected);
  });
  for (int i = 0; i < 1000; ++i) {
    pthread_kill(products.native_handle(), SIGUSR1);
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  done = true;
  products.join();
  sigaction(SIGUSR1, &before, nullptr);
  CHECK(signals > 0);
  CHECK(equal);
}
