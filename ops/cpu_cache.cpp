#include "lanner/ops/cpu_cache.h"

#include <ATen/EmptyTensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <unordered_map>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace lanner::ops {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kMinCachedSize = kHugePage / 2;
constexpr size_t kMaxCached = size_t{256} << 20;
constexpr size_t kMaxExcess = 4;  // a block holds at most so many times what is asked for

// Allocates large blocks and caches the ones that tensors free.
class BlockCache final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size) override {
    void* data = acquire((size + kHugePage - 1) / kHugePage * kHugePage);
    return {data, data, release, c10::DeviceType::CPU};
  }
  c10::DeleterFnPtr raw_deleter() const override { return release; }
  void copy_data(void* to, const void* from, size_t size) const override {
    std::memcpy(to, from, size);
  }

  static BlockCache& instance() {
    static auto* cache = new BlockCache;  // intentionally leaked: must outlive every tensor
    return *cache;
  }

  // Takes back a block. Returns false if another allocator owns it.
  bool reclaim(void* data) {
    const std::lock_guard lock(mutex_);
    const auto block = block_sizes_.find(data);
    if (block == block_sizes_.end()) return false;
    free_blocks_.push_back(data);
    free_size_ += block->second;
    shrink_to(kMaxCached);
    return true;
  }

 private:
  // Frees the oldest cached blocks until at most `size` bytes remain.
  void shrink_to(size_t size) {
    while (free_size_ > size) {
      const auto oldest = block_sizes_.find(free_blocks_.front());
      free_size_ -= oldest->second;
      std::free(oldest->first);
      block_sizes_.erase(oldest);
      free_blocks_.pop_front();
    }
  }

  // Returns the smallest cached block of `size` to kMaxExcess * `size` bytes, or a new one.
  void* acquire(size_t size) {
    const std::lock_guard lock(mutex_);
    auto best = free_blocks_.end();
    size_t best_size = kMaxExcess * size + 1;
    for (auto it = free_blocks_.begin(); it != free_blocks_.end(); ++it)
      if (const size_t block_size = block_sizes_[*it];
          size <= block_size && block_size < best_size) {
        best = it;
        best_size = block_size;
      }
    if (best != free_blocks_.end()) {
      void* data = *best;
      free_size_ -= best_size;
      free_blocks_.erase(best);
      return data;
    }
    void* data = std::aligned_alloc(kHugePage, size);
    if (!data) {
      shrink_to(0);
      data = std::aligned_alloc(kHugePage, size);
    }
    TORCH_CHECK(data, "out of memory: could not allocate ", size, " bytes");
#ifdef MADV_HUGEPAGE
    madvise(data, size, MADV_HUGEPAGE);  // best effort
#endif
    block_sizes_[data] = size;
    return data;
  }

  static void release(void* data) { instance().reclaim(data); }

  std::mutex mutex_;
  // Sizes of all blocks, in use or cached.
  std::unordered_map<void*, size_t> block_sizes_;
  // Oldest first.
  std::deque<void*> free_blocks_;
  size_t free_size_ = 0;
};

thread_local int guard_depth = 0;

// Uses the cache for large blocks within the scope of a guard, and torch's allocator otherwise.
class GuardedAllocator final : public c10::Allocator {
 public:
  explicit GuardedAllocator(c10::Allocator* torch_allocator) { torch_allocator_ = torch_allocator; }
  c10::DataPtr allocate(size_t size) override {
    return guard_depth > 0 && size >= kMinCachedSize ? BlockCache::instance().allocate(size)
                                                     : torch_allocator_->allocate(size);
  }
  c10::DeleterFnPtr raw_deleter() const override { return release; }
  void copy_data(void* to, const void* from, size_t size) const override {
    torch_allocator_->copy_data(to, from, size);
  }

 private:
  static void release(void* data) {
    if (!BlockCache::instance().reclaim(data)) torch_allocator_->raw_deleter()(data);
  }
  static inline c10::Allocator* torch_allocator_ = nullptr;
};

}  // namespace

void enable_cpu_cache() {
  [[maybe_unused]] static const bool enabled = [] {
    c10::SetCPUAllocator(new GuardedAllocator(c10::GetCPUAllocator()), /*priority=*/100);
    return true;
  }();
}

CpuCacheGuard::CpuCacheGuard() { ++guard_depth; }

CpuCacheGuard::~CpuCacheGuard() { --guard_depth; }

at::Tensor empty_cached(at::IntArrayRef size, const at::TensorOptions& options,
                        at::MemoryFormat format) {
  const auto type = c10::typeMetaToScalarType(options.dtype());
  double bytes = static_cast<double>(c10::elementSize(type));
  for (const int64_t side : size) bytes *= static_cast<double>(side);
  if (bytes < static_cast<double>(kMinCachedSize))
    return at::empty(size, options.memory_format(format));
  return at::detail::empty_generic(size, &BlockCache::instance(),
                                   c10::DispatchKeySet(c10::DispatchKey::CPU), type, format);
}

}  // namespace lanner::ops
