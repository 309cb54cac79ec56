#pragma once

// Marks arithmetic that the CUDA kernels and the host share: written once, tested on the host.
#ifdef __CUDACC__
#define LANNER_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define LANNER_HOST_DEVICE inline
#endif

#ifdef __CUDA_ARCH__
#include <ATen/cuda/Atomic.cuh>
#endif

namespace lanner::ops {

// Adds where other GPU threads may add too. On the host one thread owns the address.
template <typename T>
LANNER_HOST_DEVICE void shared_add(T* address, T value) {
#ifdef __CUDA_ARCH__
  gpuAtomicAddNoReturn(address, value);
#else
  *address += value;
#endif
}

}  // namespace lanner::ops
