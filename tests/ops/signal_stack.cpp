#include "lanner/ops/signal_stack.h"

#include <sys/time.h>
#include <torch/torch.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "lanner/ops/matmul_transposed.h"
#include "tests/catch.h"

namespace {

std::atomic<int> signals{0};

void mask(int how) {
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  pthread_sigmask(how, &alarm, nullptr);
}

}  // namespace

// oneDNN's matrix products for AVX2 keep heap addresses in the stack pointer: without a stack for
// signals this overwrites the heap, and ends in abort().
TEST_CASE("signals during matrix products leave the heap as it is") {
  const auto a = torch::rand({192, 4704}), b = torch::rand({256, 4704});
  bool equal = true;
  mask(SIG_BLOCK);
  // In a thread of its own: Catch2 has given its own one a stack for signals.
  std::thread([&] {
    const auto expected = lanner::ops::times_transposed(a, b);  // starts threads without signals
    lanner::ops::use_signal_stack();
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) { ++signals; };
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGALRM, &action, &before);
    mask(SIG_UNBLOCK);
    const itimerval often{.it_interval = {0, 200}, .it_value = {0, 200}}, never{};
    setitimer(ITIMER_REAL, &often, nullptr);
    while (signals < 1000) equal &= torch::equal(lanner::ops::times_transposed(a, b), expected);
    setitimer(ITIMER_REAL, &never, nullptr);
    mask(SIG_BLOCK);
    sigaction(SIGALRM, &before, nullptr);
  }).join();
  mask(SIG_UNBLOCK);
  CHECK(equal);
}
