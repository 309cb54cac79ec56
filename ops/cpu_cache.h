#pragma once

#include <ATen/core/Tensor.h>

#include "lanner/ops/api.h"

// Allocates large CPU tensors from recently freed memory. Page faults on the first write to many
// megabytes of new memory cost more than the arithmetic of an operator.
namespace lanner::ops {

// Returns an uninitialized tensor. Tensors of 1 MB or more take their memory from a cache of at
// most 256 MB; new blocks are requested in huge pages. Thread-safe.
LANNER_API at::Tensor empty_cached(at::IntArrayRef size, const at::TensorOptions& options,
                                   at::MemoryFormat format = at::MemoryFormat::Contiguous);

// Makes torch's own operators use the cache within the scope of a CpuCacheGuard. This permanently
// replaces the CPU allocator of the process, so programs opt in at startup, before they start
// threads. Further calls have no effect.
LANNER_API void enable_cpu_cache();

// While a guard exists, all large tensors created by its thread use the cache, including those
// created by torch's operators. Has no effect before enable_cpu_cache().
class LANNER_API CpuCacheGuard {
 public:
  CpuCacheGuard();
  CpuCacheGuard(const CpuCacheGuard&) = delete;
  ~CpuCacheGuard();
};

}  // namespace lanner::ops
