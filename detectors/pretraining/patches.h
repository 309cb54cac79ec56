#pragma once

#include <torch/torch.h>

namespace lanner::detectors {

// Overlapping square patches. images: [N, 3, H, W]. Returns [N * R * C, 3, size, size], image by
// image in reading order, with R = (H - size) / stride + 1 rows and C columns likewise.
at::Tensor patch_grid(const at::Tensor& images, int64_t size, int64_t stride);

// Changes each patch on its own, so that colour and brightness do not tell which image it is from:
// contrast and brightness vary, a quarter become grey. patches: [P, 3, H, W], normalised.
at::Tensor jitter_patches(const at::Tensor& patches);

}  // namespace lanner::detectors
