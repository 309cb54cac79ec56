#pragma once

#include <ATen/core/Tensor.h>

namespace lanner::ops {

// An empty tensor. The memory of one of many megabytes would be new at every call, and the page
// faults of first writing it cost more than an operator's arithmetic. It is taken from what such
// tensors have left behind, up to 256 MB in all; new memory is asked for in huge pages.
at::Tensor fresh(at::IntArrayRef size, const at::TensorOptions& options,
                 at::MemoryFormat format = at::MemoryFormat::Contiguous);

// While one lives, all large tensors that its thread makes, torch's own too, take such memory.
class KeepMemory {
 public:
  KeepMemory();
  KeepMemory(const KeepMemory&) = delete;
  ~KeepMemory();
};

}  // namespace lanner::ops
