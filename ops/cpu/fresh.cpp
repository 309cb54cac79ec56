#include "lanner/ops/cpu/fresh.h"

#include <ATen/EmptyTensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/Allocator.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace lanner::ops {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kLarge = kHugePage / 2;
constexpr size_t kMostKept = size_t{256} << 20;

struct Block {
  void* data;
  size_t size;
};

// Blocks that large tensors have left, the oldest first.
class LargeMemory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size) override {
    auto* block = new Block(take((size + kHugePage - 1) / kHugePage * kHugePage));
    return {block->data, block, release, c10::DeviceType::CPU};
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, size_t size) const override {
    std::memcpy(to, from, size);
  }

  static LargeMemory& instance() {
    static auto* memory = new LargeMemory;  // outlives every tensor
    return *memory;
  }

 private:
  // A kept block of the size or little more, or a new one.
  Block take(size_t size) {
    {
      const std::lock_guard lock(mutex_);
      for (auto it = kept_.begin(); it != kept_.end(); ++it)
        if (it->size >= size && it->size <= size + size / 4) {
          const Block block = *it;
          kept_size_ -= block.size;
          kept_.erase(it);
          return block;
        }
    }
    void* data = std::aligned_alloc(kHugePage, size);
    TORCH_CHECK(data, "out of memory: could not allocate ", size, " bytes");
#ifdef MADV_HUGEPAGE
    madvise(data, size, MADV_HUGEPAGE);  // advice: may fail
#endif
    return {data, size};
  }

  void give(const Block& block) {
    const std::lock_guard lock(mutex_);
    kept_.push_back(block);
    kept_size_ += block.size;
    while (kept_size_ > kMostKept) {
      kept_size_ -= kept_.front().size;
      std::free(kept_.front().data);
      kept_.pop_front();
    }
  }

  static void release(void* context) {
    auto* block = static_cast<Block*>(context);
    instance().give(*block);
    delete block;
  }

  std::mutex mutex_;
  std::deque<Block> kept_;
  size_t kept_size_ = 0;
};

}  // namespace

at::Tensor fresh(at::IntArrayRef size, const at::TensorOptions& options, at::MemoryFormat format) {
  const auto type = c10::typeMetaToScalarType(options.dtype());
  double bytes = static_cast<double>(c10::elementSize(type));
  for (const int64_t side : size) bytes *= static_cast<double>(side);
  if (bytes < static_cast<double>(kLarge)) return at::empty(size, options.memory_format(format));
  return at::detail::empty_generic(size, &LargeMemory::instance(),
                                   c10::DispatchKeySet(c10::DispatchKey::CPU), type, format);
}

}  // namespace lanner::ops
