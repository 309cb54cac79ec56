#pragma once

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

// A VOC folder: JPEGImages, Annotations, ImageSets/Main. split: a list in ImageSets/Main, or empty
// for `trainval`, or for every annotation where there are no lists. The 1-based pixels of the files
// are shifted to 0. Categories are the names found, sorted, with ids from 1, unless `known`.
// A malformed file is a fault, and so is each box; only a missing split throws.
Dataset read_voc(const std::filesystem::path& root, const std::string& split,
                 const std::vector<Category>* known, Faults& faults);

// Writes one Annotations/NAME.xml.
void write_voc(const std::filesystem::path& file, const ImageRecord& image,
               const std::vector<Category>& categories);

}  // namespace lanner::datasets
