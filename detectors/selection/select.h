#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "lanner/detectors/selection/options.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// Chooses the images of a folder that are to be labeled first, and writes what options ask for.
// Prints progress to stderr, and a warning for each image that cannot be read. Returns the chosen
// paths. Throws usage_error for options out of range and for more images than there are;
// missing_file, bad_data and io_error.
LANNER_API std::vector<std::filesystem::path> select(const SelectOptions& options,
                                                     const std::function<bool()>& stop);

}  // namespace lanner::detectors
