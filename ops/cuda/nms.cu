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

// One block walks the boxes in order, 64 at a time; its threads strike out the later ones together.
__global__ void select(const uint64_t* words, uint64_t* struck, bool* kept, int64_t count) {
  __shared__ uint64_t diagonal[64], stay;
  const int64_t columns = (count + 63) / 64;
  for (int64_t first = 0; first < count; first += 64) {
    const int64_t here = first + 64 < count ? 64 : count - first, own = first / 64;
    if (threadIdx.x < here) diagonal[threadIdx.x] = words[(first + threadIdx.x) * columns + own];
    __syncthreads();
    if (threadIdx.x == 0) stay = nms_kept(struck[own], diagonal, here);
    __syncthreads();
    if (threadIdx.x < here) kept[first + threadIdx.x] = stay >> threadIdx.x & 1;
    nms_strike(struck, words, columns, first, stay, threadIdx.x, blockDim.x);
    __syncthreads();  // of `stay` and the words of the next 64
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
  auto words = at::empty({count, columns}, order.options());
  auto struck = at::zeros({columns}, order.options());
  auto kept = at::empty({count}, boxes.options().dtype(at::kBool));
  auto* word_data = reinterpret_cast<uint64_t*>(words.mutable_data_ptr<int64_t>());
  AT_DISPATCH_FLOATING_TYPES(type, "nms", [&] {
    launch(count * columns, NmsWords<scalar_t>{sorted.const_data_ptr<scalar_t>(), word_data, count,
                                               static_cast<scalar_t>(iou_threshold)});
  });
  select<<<1, 256, 0, at::cuda::getCurrentCUDAStream()>>>(
      word_data, reinterpret_cast<uint64_t*>(struck.mutable_data_ptr<int64_t>()),
      kept.mutable_data_ptr<bool>(), count);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  return order.masked_select(kept);
}

TORCH_LIBRARY_IMPL(lanner, CUDA, m) { m.impl("nms", nms_cuda); }

}  // namespace
}  // namespace lanner::ops
