#pragma once

#include "lanner/datasets/reading/annotations.h"

namespace lanner::datasets {

// Reads the JSON and JSON-MIN exports of Label Studio: rectangles, rotated or not, and polygons, in
// percent of the image. Of several annotations of an image the first that was not cancelled counts.
// Images are looked for by their file name beside the file and in its folder `images`, also without
// the prefix that an upload gets. Malformed entries and missing images are appended to `issues`.
// Throws missing_file, io_error, and bad_data if it is not JSON.
Annotations read_label_studio(const std::filesystem::path& file, Issues& issues);

}  // namespace lanner::datasets
