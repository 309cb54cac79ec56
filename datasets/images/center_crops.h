#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "lanner/datasets/sample.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// Center crops of images, square and resized to `size` x `size` pixels. Uses all cores. Throws
// Error, naming the file, if an image cannot be read.
LANNER_API std::vector<Sample> center_crops(std::span<const std::filesystem::path> files, int size);

}  // namespace lanner::datasets
