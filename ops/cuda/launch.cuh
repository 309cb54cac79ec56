#pragma once

#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAException.h>

#include <algorithm>

namespace lanner::ops {

template <typename Body>
__global__ void for_each_index(int64_t count, Body body) {
  for (int64_t index = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x; index < count;
       index += static_cast<int64_t>(blockDim.x) * gridDim.x)
    body(index);
}

// Runs body(0) to body(count - 1) on the current stream and checks the launch for errors.
template <typename Body>
void launch(int64_t count, const Body& body) {
  if (count == 0) return;
  const int64_t blocks = std::min<int64_t>((count + 255) / 256, 65535);
  for_each_index<<<blocks, 256, 0, at::cuda::getCurrentCUDAStream()>>>(count, body);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace lanner::ops
