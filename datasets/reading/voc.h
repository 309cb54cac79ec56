#pragma once

#include "lanner/datasets/dataset.h"
#include "lanner/datasets/reading/voc_folders.h"

namespace lanner::datasets {

// Reads a VOC data set. Pixel coordinates, which start at 1 in the files, are shifted to start at
// 0. Without `known`, categories are the names found, sorted, with ids from 1. Malformed files and
// boxes are appended to `issues`.
Dataset read_voc(const VocFolders& folders, const std::vector<Category>* known, Issues& issues);

// Writes one annotation file, Annotations/NAME.xml. Throws io_error.
void write_voc(const std::filesystem::path& file, const ImageRecord& image,
               const std::vector<Category>& categories);

}  // namespace lanner::datasets
