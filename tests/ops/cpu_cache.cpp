#include "lanner/ops/cpu_cache.h"

#include <c10/core/CPUAllocator.h>

#include "lanner/ops/torch.h"

#include <c10/core/CPUAllocator.h>

#include <thread>

#include "tests/catch.h"

using lanner::ops::CpuCacheGuard;
using lanner::ops::enable_cpu_cache;

namespace {

at::Tensor large_tensor() { return torch::full({1, 64, 128, 131}, 3.f); }

}  // namespace

TEST_CASE("enable_cpu_cache replaces torch's allocator once") {
  const auto* before = c10::GetCPUAllocator();
  {
    const CpuCacheGuard guard;
    CHECK(c10::GetCPUAllocator() == before);
  }
  enable_cpu_cache();
  const auto* after = c10::GetCPUAllocator();
  CHECK(after != before);
  enable_cpu_cache();
  CHECK(c10::GetCPUAllocator() == after);
}

TEST_CASE("large tensors within a guard reuse freed memory") {
  enable_cpu_cache();
  const CpuCacheGuard guard;
  const void* first = large_tensor().const_data_ptr();
  CHECK(large_tensor().const_data_ptr() == first);
  const auto live = large_tensor();
  CHECK(large_tensor().const_data_ptr() != live.const_data_ptr());
  CHECK((live == 3).all().item<bool>());
}

TEST_CASE("a tensor takes the smallest free block of up to four times its size") {
  enable_cpu_cache();
  const CpuCacheGuard guard;
  const auto bytes = [](int64_t megabytes) { return at::empty({megabytes << 20}, at::kByte); };
  auto small = bytes(34), middle = bytes(36), large = bytes(180);
  const void *middle_data = middle.const_data_ptr(), *large_data = large.const_data_ptr();
  small.reset();
  large.reset();
  middle.reset();
  const auto first = bytes(35), second = bytes(35);
  CHECK(first.const_data_ptr() == middle_data);
  CHECK(second.const_data_ptr() != large_data);
  CHECK(bytes(46).const_data_ptr() == large_data);
}

TEST_CASE("tensors outlive the guard under which they were created") {
  enable_cpu_cache();
  at::Tensor outliving;
  {
    const CpuCacheGuard outer;
    const CpuCacheGuard inner;
    outliving = large_tensor();
  }
  const auto other = large_tensor() + 1;
  CHECK((outliving == 3).all().item<bool>());
  outliving.resize_({2, 64, 128, 131});  // grows using the allocator that created it
  outliving.fill_(5);
  CHECK((outliving == 5).all().item<bool>());
  outliving.reset();
  CHECK((other == 4).all().item<bool>());
}

TEST_CASE("threads can allocate from the cache and free memory of other threads") {
  enable_cpu_cache();
  std::vector<at::Tensor> tensors(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < tensors.size(); ++i)
    threads.emplace_back([&, i] {
      const CpuCacheGuard guard;
      for (int round = 0; round < 50; ++round) tensors[i] = large_tensor() + static_cast<double>(i);
    });
  for (auto& thread : threads) thread.join();
  for (size_t i = 0; i < tensors.size(); ++i)
    CHECK((tensors[i] == 3 + static_cast<double>(i)).all().item<bool>());
}
