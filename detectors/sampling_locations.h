#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

namespace lanner::detectors {

// The sampling locations of a deformable 3x3 convolution of stride 1 (arXiv 1703.06211). For output
// position (y, x), kernel element k samples the input at
// (y + (k / 3 - 1) * dilation + dy, x + (k % 3 - 1) * dilation + dx).
struct SamplingOffsets {
  at::Tensor offset;  // [N, 2 * groups * 9, H, W] in feature map pixels: dy, dx per kernel element
  // [N, groups * 9, H, W] in 0..2: sample weights of a modulated convolution (arXiv 1811.11168).
  std::optional<at::Tensor> mask;
  int64_t dilation;
  double stride = 0;  // of the feature map, in pixels of the batch
};

// The sampling locations of a detector's deformable layers.
struct SamplingLocations {
  std::vector<SamplingOffsets> convolutions;  // in the order of the network
  // [K, 2, bins, bins]: shift of each bin of deformable RoI pooling, x then y, as a fraction of the
  // RoI's width and height. Undefined if the pooling is not deformable.
  at::Tensor bin_offsets;
};

}  // namespace lanner::detectors
