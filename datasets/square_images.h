#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "lanner/datasets/sample.h"

namespace lanner::datasets {

// The middle squares of images, resized to `size` pixels; read on all cores. Throws Error naming
// the file that cannot be read.
std::vector<Sample> centre_squares(std::span<const std::filesystem::path> files, int size);

}  // namespace lanner::datasets
