#pragma once

#include "lanner/ops/cpu/kernels.h"

namespace lanner::ops::LANNER_ISA {

template <typename T>
bool suppressed(const BoxBlock<T>* blocks, const int32_t* heads, int64_t count, const T* box,
                T bound);

}  // namespace lanner::ops::LANNER_ISA
