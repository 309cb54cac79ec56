#include "lanner/ops/cpu/fresh.h"

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
constexpr size_t kLarge = kHugePage / 2;
constexpr size_t kMostKept = size_t{256} << 20;

// Large blocks of memory; those that tensors have left are kept, to be given again.
class LargeMemory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size) override {
    void* data = take((size + kHugePage - 1) / kHugePage * kHugePage);
    return {data, data, release, c10::DeviceType::CPU};
  }
  c10::DeleterFnPtr raw_deleter() const override { return release; }
  void copy_data(void* to, const void* from, size_t size) const override {
    std::memcpy(to, from, size);
  }

  static LargeMemory& instance() {
    static auto* memory = new LargeMemory;  // outlives every tensor
    return *memory;
  }

  // False for what is not of here.
  bool give(void* data) {
    const std::lock_guard lock(mutex_);
    const auto found = size_of_.find(data);
    if (found == size_of_.end()) return false;
    kept_.push_back(data);
    kept_size_ += found->second;
    drop_to(kMostKept);
    return true;
  }

 private:
  // Frees the oldest until no more than `most` is kept.
  void drop_to(size_t most) {
    while (kept_size_ > most) {
      const auto oldest = size_of_.find(kept_.front());
      kept_size_ -= oldest->second;
      std::free(oldest->first);
      size_of_.erase(oldest);
      kept_.pop_front();
    }
  }

  // A kept block of the size or little more, or a new one.
  void* take(size_t size) {
    const std::lock_guard lock(mutex_);
    for (auto it = kept_.begin(); it != kept_.end(); ++it)
      if (const size_t has = size_of_[*it]; has >= size && has <= size + size / 4) {
        void* data = *it;
        kept_size_ -= has;
        kept_.erase(it);
        return data;
      }
    void* data = std::aligned_alloc(kHugePage, size);
    if (!data) {
      drop_to(0);
      data = std::aligned_alloc(kHugePage, size);
    }
    TORCH_CHECK(data, "out of memory: could not allocate ", size, " bytes");
#ifdef MADV_HUGEPAGE
    madvise(data, size, MADV_HUGEPAGE);  // advice: may fail
#endif
    size_of_[data] = size;
    return data;
  }

  static void release(void* data) { instance().give(data); }

  std::mutex mutex_;
  std::unordered_map<void*, size_t> size_of_;  // of all blocks, in use and kept
  std::deque<void*> kept_;                     // the oldest first
  size_t kept_size_ = 0;
};

thread_local int keeping = 0;

// torch's own allocator, but for large blocks where memory is kept.
class Router final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size) override {
    return keeping > 0 && size >= kLarge ? LargeMemory::instance().allocate(size)
                                         : own()->allocate(size);
  }
  c10::DeleterFnPtr raw_deleter() const override { return release; }
  void copy_data(void* to, const void* from, size_t size) const override {
    own()->copy_data(to, from, size);
  }

  static bool install() {
    own();
    c10::SetCPUAllocator(new Router, /*priority=*/100);
    return true;
  }

 private:
  static c10::Allocator* own() {
    static auto* allocator = c10::GetCPUAllocator();
    return allocator;
  }
  static void release(void* data) {
    if (!LargeMemory::instance().give(data)) own()->raw_deleter()(data);
  }
};

// As the library is loaded, before there are threads that would see it change.
[[maybe_unused]] const bool installed = Router::install();

}  // namespace

KeepMemory::KeepMemory() { ++keeping; }

KeepMemory::~KeepMemory() { --keeping; }

at::Tensor fresh(at::IntArrayRef size, const at::TensorOptions& options, at::MemoryFormat format) {
  const auto type = c10::typeMetaToScalarType(options.dtype());
  double bytes = static_cast<double>(c10::elementSize(type));
  for (const int64_t side : size) bytes *= static_cast<double>(side);
  if (bytes < static_cast<double>(kLarge)) return at::empty(size, options.memory_format(format));
  return at::detail::empty_generic(size, &LargeMemory::instance(),
                                   c10::DispatchKeySet(c10::DispatchKey::CPU), type, format);
}

}  // namespace lanner::ops
