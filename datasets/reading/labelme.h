#pragma once

#include "lanner/datasets/reading/annotations.h"

namespace lanner::datasets {

// Reads the files of labelme in a folder: one .json file per image, beside it. Rectangles,
// polygons, circles and rotated boxes become their bounding boxes; shapes without area (points and
// lines) are appended to `issues` and dropped. Throws bad_data for a file that is not JSON.
Annotations read_labelme(const std::filesystem::path& folder, Issues& issues);

}  // namespace lanner::datasets
