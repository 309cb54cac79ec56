#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace lanner::ops {

// 16-bit inputs are computed in float: 16 bits are too few for RoI coordinates.
inline at::ScalarType compute_type(at::ScalarType type) {
  return type == at::kDouble ? at::kDouble : at::kFloat;
}

// Throws c10::Error for a batch index outside 0..batch - 1, which would make a kernel read outside
// the input. rois: [count, 5].
template <typename T>
void check_batch_indices(const char* op, const T* rois, int64_t count, int64_t batch) {
  for (int64_t k = 0; k < count; ++k)
    TORCH_CHECK(rois[k * 5] >= T(0) && rois[k * 5] < T(batch), op, ": rois[", k,
                "]: expected a batch index in 0..", batch - 1, ", got ", rois[k * 5]);
}

// The indices of the RoIs of each image, in ascending order.
template <typename T>
std::vector<std::vector<int64_t>> rois_by_image(const T* rois, int64_t count, int64_t batch) {
  std::vector<std::vector<int64_t>> result(batch);
  for (int64_t k = 0; k < count; ++k) result[static_cast<int64_t>(rois[k * 5])].push_back(k);
  return result;
}

}  // namespace lanner::ops
