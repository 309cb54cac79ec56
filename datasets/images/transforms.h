#pragma once

#include <random>

#include "lanner/datasets/options.h"
#include "lanner/datasets/sample.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// The size torchvision's detectors resize to: scaled in double, rounded down.
LANNER_API ImageSize resized(ImageSize size, const ResizeOptions& options);

// Reads and checks an image: its size must be the annotated one, where given. short_side:
// as for read_image, 0 for all of its pixels.
LANNER_API Sample load_sample(const ImageRecord& record, int short_side);

// Boxes are scaled with the pixels.
LANNER_API void resize(Sample& sample, ImageSize size, Interpolation interpolation);

}  // namespace lanner::datasets
