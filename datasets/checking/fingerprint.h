#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// A SHA-256 of what a data set says: categories in their order, file names without folders, sizes
// and objects. The same data elsewhere has the same one. The pixels are not read.
LANNER_API std::string fingerprint(const Dataset& dataset);

// The same of files without labels: their names without folders, in their order.
LANNER_API std::string fingerprint(const std::vector<std::filesystem::path>& files);

}  // namespace lanner::datasets
