#pragma once

#include <random>

#include "lanner/datasets/options.h"
#include "lanner/datasets/sample.h"

namespace lanner::datasets {

// The size torchvision's detectors resize to: scaled in double, rounded down.
ImageSize resized(ImageSize size, const ResizeOptions& options);

// Reads and checks an image: its size must be the annotated one, where that is given. short_side:
// as for read_image, 0 for all of its pixels.
Sample load_sample(const ImageRecord& record, int short_side);

void resize(Sample& sample, ImageSize size);
void flip_horizontally(Sample& sample);
void flip_vertically(Sample& sample);
void jitter_colours(Sample& sample, double amount, std::mt19937_64& random);

}  // namespace lanner::datasets
