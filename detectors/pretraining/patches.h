#pragma once

#include "lanner/ops/torch.h"

#include "lanner/detectors/pretraining/options.h"

namespace lanner::detectors {

// Extracts overlapping square patches. images: [N, 3, H, W]. Returns [N * R * C, 3, size, size],
// channels-last, image by image in reading order, with R = (H - size) / stride + 1 rows and
// likewise C columns.
at::Tensor extract_patches(const at::Tensor& images, const PatchOptions& options);

// Extracts patches and augments each one independently (arXiv 1807.03748, section 3.2; arXiv
// 1905.09272, section 4.2), with the probabilities and ranges in `options`: moves a random crop of
// the patch to its center and sets the rest to 0, flips the patch and changes its colors. images:
// [N, 3, H, W], normalized. Returns [N * R * C, 3, size, size] in the order of extract_patches().
// Uses torch's default generator.
at::Tensor augment_patches(const at::Tensor& images, const PatchOptions& options);

// Changes the colors of each image as augment_patches() does. images: [P, 3, H, W], normalized.
at::Tensor augment_colors(const at::Tensor& images, const PatchOptions& options);

}  // namespace lanner::detectors
