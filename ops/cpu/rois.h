#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace lanner::ops {

// Sixteen-bit inputs are computed in float: their coordinates would not survive otherwise.
inline at::ScalarType compute_type(at::ScalarType type) {
  return type == at::kDouble ? at::kDouble : at::kFloat;
}

// rois: [count, 5]. A kernel that may throw does not read another's memory.
template <typename T>
void check_batch_indices(const char* op, const T* rois, int64_t count, int64_t batch) {
  for (int64_t k = 0; k < count; ++k)
    TORCH_CHECK(rois[k * 5] >= T(0) && rois[k * 5] < T(batch), op, ": rois[", k,
                "]: expected a batch index in 0..", batch - 1, ", got ", rois[k * 5]);
}

// The RoIs of each image, in order.
template <typename T>
std::vector<std::vector<int64_t>> rois_by_image(const T* rois, int64_t count, int64_t batch) {
  std::vector<std::vector<int64_t>> result(batch);
  for (int64_t k = 0; k < count; ++k) result[static_cast<int64_t>(rois[k * 5])].push_back(k);
  return result;
}

}  // namespace lanner::ops
