#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "lanner/datasets/dataset.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// The images in a folder, searched recursively, or of a list, *.txt with a path a line, relative to
// the list. Throws missing_file; bad_data where there are none.
LANNER_API std::vector<std::filesystem::path> listed_images(const std::filesystem::path& source);

// Reads images without labels, of folders or lists. Images whose files equal one of `known` are
// left out, with a note on stderr. Throws missing_file; bad_data for a folder without images and
// where none is left.
LANNER_API Dataset open_unlabelled(const std::vector<std::filesystem::path>& sources,
                                   std::span<const Dataset* const> known);

// Gives images the objects of those of `truth` that have the same file name. Both have the same
// categories. Throws bad_data where no image has one.
LANNER_API void add_truth(Dataset& images, const Dataset& truth);

}  // namespace lanner::datasets
