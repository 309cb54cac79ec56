#pragma once

#include <torch/torch.h>

#include "lanner/detectors/pretraining/options.h"

namespace lanner::detectors {

// Overlapping square patches. images: [N, 3, H, W]. Returns [N * R * C, 3, size, size], channels
// last, image by image in reading order, with R = (H - size) / stride + 1 rows and C columns
// likewise.
at::Tensor cut_patches(const at::Tensor& images, const PatchOptions& options);

// The same, each changed on its own as the options say (CPC v1, section 3.2; v2, section 4.2):
// a random part of it, flipped, with other colours; normalised as the images are.
at::Tensor augmented_patches(const at::Tensor& images, const PatchOptions& options);

// Other colours for each of [P, 3, H, W], as the options say.
at::Tensor with_other_colours(const at::Tensor& images, const PatchOptions& options);

}  // namespace lanner::detectors
