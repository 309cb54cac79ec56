#pragma once

#include <filesystem>

#include "lanner/datasets/coco.h"

namespace lanner::datasets {

// VOC's results form: a folder with a text file a class, such as comp4_det_test_cat.txt, of lines
// `image score x1 y1 x2 y2` whose pixels count from 1. Images go by name without extension.

// Throws missing_file; bad_data for a file of no known class or a line that is none. Lines on
// images that `truth` does not have are left out, as evaluation does.
std::vector<CocoDetection> read_voc_results(const std::filesystem::path& folder,
                                            const CocoFile& truth);

// Writes comp4_det_test_CLASS.txt of every class. Throws io_error.
void write_voc_results(const std::filesystem::path& folder, const CocoFile& truth,
                       const std::vector<CocoDetection>& detections);

}  // namespace lanner::datasets
