#pragma once

// Marks code shared by the CUDA kernels and the host, so that tests can run it without a GPU.
#ifdef __CUDACC__
#define LANNER_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define LANNER_HOST_DEVICE inline
#endif

#ifdef __CUDA_ARCH__
#include <ATen/cuda/Atomic.cuh>
#endif

namespace lanner::ops {

// Adds atomically on the GPU. On the host, the address must be used by one thread only.
template <typename T>
LANNER_HOST_DEVICE void shared_add(T* address, T value) {
#ifdef __CUDA_ARCH__
  gpuAtomicAddNoReturn(address, value);
#else
  *address += value;
#endif
}

}  // namespace lanner::ops
