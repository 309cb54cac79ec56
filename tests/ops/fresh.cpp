#include "lanner/ops/cpu/fresh.h"

#include <torch/torch.h>

#include <thread>

#include "tests/catch.h"

using lanner::ops::KeepMemory;

namespace {

at::Tensor large() { return torch::full({1, 64, 128, 131}, 3.f); }

}  // namespace

TEST_CASE("within the scope large tensors take the memory of those before them") {
  const KeepMemory keep;
  const void* first = large().const_data_ptr();
  CHECK(large().const_data_ptr() == first);
  const auto held = large();
  CHECK(large().const_data_ptr() != held.const_data_ptr());
  CHECK((held == 3).all().item<bool>());
}

TEST_CASE("tensors outlive the scope that they were made in") {
  at::Tensor kept;
  {
    const KeepMemory outer;
    const KeepMemory inner;
    kept = large();
  }
  const auto other = large() + 1;
  CHECK((kept == 3).all().item<bool>());
  kept.resize_({2, 64, 128, 131});  // grows by the allocator that made it
  kept.fill_(5);
  CHECK((kept == 5).all().item<bool>());
  kept.reset();
  CHECK((other == 4).all().item<bool>());
}

TEST_CASE("memory may be kept in several threads at once, and freed in another") {
  std::vector<at::Tensor> made(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < made.size(); ++i)
    threads.emplace_back([&, i] {
      const KeepMemory keep;
      for (int round = 0; round < 50; ++round) made[i] = large() + static_cast<double>(i);
    });
  for (auto& thread : threads) thread.join();
  for (size_t i = 0; i < made.size(); ++i)
    CHECK((made[i] == 3 + static_cast<double>(i)).all().item<bool>());
}
