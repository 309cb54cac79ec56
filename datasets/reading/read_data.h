#pragma once

#include "lanner/datasets/dataset.h"
#include "lanner/datasets/error.h"

namespace lanner::datasets {

// The data have no split of that name, as opposed to a file or folder that is missing.
struct NoSuchSplit : Error {
  using Error::Error;
};

// Whether a .json file looks like COCO annotations, from its first bytes.
LANNER_API bool is_coco_file(const std::filesystem::path& file);

// Reads one split of the data in a file or folder, whatever tool wrote it. The format is found by
// looking inside; docs/data.md lists them. Without `split`, a folder that is divided into splits
// yields the one called `train`. `val` also finds `valid` and `validation`, and the reverse. Throws
// as read_dataset() does.
Dataset read_data(const std::filesystem::path& path, const std::string& split,
                  const std::filesystem::path& image_root, const std::vector<Category>* known,
                  Issues& issues);

}  // namespace lanner::datasets
