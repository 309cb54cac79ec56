#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>

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

// One RoI's result, [bins, channels], to [channels, bins]: in blocks, so that both sides stay in
// the cache. Done RoI by RoI, while it is there, this costs a fraction of turning the whole output.
template <typename T>
void to_channels_first(T* out, const T* in, int64_t bins, int64_t channels) {
  constexpr int64_t kBlock = 16;
  for (int64_t first = 0; first < channels; first += kBlock) {
    const int64_t end = std::min(first + kBlock, channels);
    for (int64_t bin = 0; bin < bins; ++bin)
      for (int64_t c = first; c < end; ++c) out[c * bins + bin] = in[bin * channels + c];
  }
}

}  // namespace lanner::ops
