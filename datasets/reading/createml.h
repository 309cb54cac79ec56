#pragma once

#include "lanner/datasets/reading/annotations.h"

namespace lanner::datasets {

// Reads a file of CreateML: a list of images with the boxes' centers and sizes in pixels. Images
// are beside the file. Malformed entries and missing images are appended to `issues`. Throws
// missing_file, io_error, and bad_data if it is not JSON.
Annotations read_createml(const std::filesystem::path& file, Issues& issues);

}  // namespace lanner::datasets
