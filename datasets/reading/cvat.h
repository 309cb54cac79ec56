#pragma once

#include "lanner/datasets/reading/annotations.h"

namespace lanner::datasets {

// Whether the root of an XML file is that of CVAT.
bool is_cvat(const std::filesystem::path& file);

// Reads a file of CVAT for images 1.1: boxes, polygons and ellipses. Images are beside the file or
// in its folder `images`. Shapes without area and missing images are appended to `issues`. Throws
// missing_file, and bad_data if it is not such a file.
Annotations read_cvat(const std::filesystem::path& file, Issues& issues);

}  // namespace lanner::datasets
