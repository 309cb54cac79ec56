#pragma once

#include <filesystem>
#include <limits>

#include "lanner/datasets/reading/coco.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// VOC's results format: a folder with one text file per class, such as comp4_det_test_cat.txt, with
// lines `image score x1 y1 x2 y2`. Pixel coordinates start at 1. Images are named without folder
// and extension, unless two would then have one name; names may hold spaces.

// The image id of detections whose image the ground truth lacks.
inline constexpr int64_t kUnknownImage = std::numeric_limits<int64_t>::min();

// Throws missing_file, io_error, and bad_data for a file of an unknown class or a malformed line.
// Lines of images that `truth` lacks have the id kUnknownImage.
LANNER_API std::vector<CocoDetection> read_voc_results(const std::filesystem::path& folder,
                                                       const CocoFile& truth);

// Writes comp4_det_test_CLASS.txt for every class. Throws io_error, and bad_data for two classes of
// one name.
LANNER_API void write_voc_results(const std::filesystem::path& folder, const CocoFile& truth,
                                  const std::vector<CocoDetection>& detections);

}  // namespace lanner::datasets
