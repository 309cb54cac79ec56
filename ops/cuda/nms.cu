#include <ATen/Dispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/library.h>

#include "lanner/ops/checks.h"
#include "lanner/ops/cuda/launch.cuh"
#include "lanner/ops/cuda/nms_kernel.h"

namespace lanner::ops {
namespace {

// A single block visits the boxes in order, 64 at a time. Its threads share the work of suppressing
// later boxes.
__global__ void select(const uint64_t* masks, uint64_t* suppressed, bool* kept, int64_t count) {
  __shared__ uint64_t diagonal[64], keep;
  const int64_t columns = (count + 63) / 64;
  for (int64_t first = 0; first < count; first += 64) {
    const int64_t group_size = first + 64 < count ? 64 : count - first, group = first / 64;
    if (threadIdx.x < group_size)
      diagonal[threadIdx.x] = masks[(first + threadIdx.x) * columns + group];
    __syncthreads();
    if (threadIdx.x == 0) keep = nms_keep_mask(suppressed[group], diagonal, group_size);
    __syncthreads();
    if (threadIdx.x < group_size) kept[first + threadIdx.x] = keep >> threadIdx.x & 1;
    nms_suppress_later(suppressed, masks, columns, first, keep, threadIdx.x, blockDim.x);
    __syncthreads();  // orders accesses to `keep` and to the words of the next 64 boxes
  }
}

at::Tensor nms_cuda(const at::Tensor& boxes, const at::Tensor& scores, double iou_threshold) {
  check_nms("nms", boxes, scores);
  const c10::cuda::CUDAGuard guard(boxes.device());
  const auto type = boxes.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const int64_t count = boxes.size(0), columns = (count + 63) / 64;
  const auto order = std::get<1>(scores.sort(/*stable=*/true, 0, /*descending=*/true));
  if (count == 0) return order;
  const auto sorted = boxes.to(type).index_select(0, order).contiguous();
  auto masks = at::empty({count, columns}, order.options());
  auto suppressed = at::zeros({columns}, order.options());
  auto kept = at::empty({count}, boxes.options().dtype(at::kBool));
  auto* mask_data = reinterpret_cast<uint64_t*>(masks.mutable_data_ptr<int64_t>());
  AT_DISPATCH_FLOATING_TYPES(type, "nms", [&] {
    launch(count * columns, NmsMasks<scalar_t>{sorted.const_data_ptr<scalar_t>(), mask_data, count,
                                               static_cast<scalar_t>(iou_threshold)});
  });
  select<<<1, 256, 0, at::cuda::getCurrentCUDAStream()>>>(
      mask_data, reinterpret_cast<uint64_t*>(suppressed.mutable_data_ptr<int64_t>()),
      kept.mutable_data_ptr<bool>(), count);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return order.masked_select(kept);
}

TORCH_LIBRARY_IMPL(lanner, CUDA, m) { m.impl("nms", nms_cuda); }

}  // namespace
}  // namespace lanner::ops
