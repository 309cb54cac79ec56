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

// One block walks the boxes in order; its threads strike out a row's words together.
__global__ void select(const uint64_t* words, uint64_t* struck, bool* kept, int64_t count) {
  const int64_t columns = (count + 63) / 64;
  for (int64_t row = 0; row < count; ++row) {
    const bool keep = nms_keeps(struck, row);
    __syncthreads();  // all have read before any strikes
    if (keep) nms_strike(struck, words, columns, row, threadIdx.x, blockDim.x);
    if (threadIdx.x == 0) kept[row] = keep;
    __syncthreads();
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
