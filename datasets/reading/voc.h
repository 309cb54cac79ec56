#pragma once

#include "lanner/datasets/reading/annotations.h"
#include "lanner/datasets/reading/voc_folders.h"

namespace lanner::datasets {

// Reads a VOC data set. Pixel coordinates, which start at 1 in the files, are shifted to start at
// 0. An image is the one that the annotation's <filename> names or, without such a file, the one of
// the annotation's name. Malformed files and missing images are appended to `issues`.
Annotations read_voc(const VocFolders& folders, Issues& issues);

// Writes one annotation file, Annotations/NAME.xml. Throws io_error.
void write_voc(const std::filesystem::path& file, const ImageRecord& image,
               const std::vector<Category>& categories);

}  // namespace lanner::datasets
