#pragma once

#include "lanner/datasets/dataset.h"
#include "lanner/datasets/voc_folders.h"

namespace lanner::datasets {

// A VOC data set. The 1-based pixels of the files are shifted to 0. Categories are the names found,
// sorted, with ids from 1, unless `known`. A malformed file is a fault, and so is each box.
Dataset read_voc(const VocFolders& folders, const std::vector<Category>* known, Faults& faults);

// Writes one Annotations/NAME.xml.
void write_voc(const std::filesystem::path& file, const ImageRecord& image,
               const std::vector<Category>& categories);

}  // namespace lanner::datasets
