#pragma once

#include <optional>

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

// Where a YOLO data set keeps a split's images and labels.
struct YoloFolders {
  std::filesystem::path images, labels;
};

// ROOT/images with ROOT/labels; of a split ROOT/images/SPLIT with ROOT/labels/SPLIT, or
// ROOT/SPLIT/images with ROOT/SPLIT/labels. Nothing where neither is there.
std::optional<YoloFolders> find_yolo(const std::filesystem::path& root, const std::string& split);

// A text file an image, with lines `class x y width height`: centres and sides as parts of the
// image's. An image without a file has no objects. Classes are numbers from 0, named by `names` of
// data.yaml or the lines of classes.txt, in `root` or above it; else by their numbers. Malformed
// lines, unknown classes and images that cannot be read are faults.
Dataset read_yolo(const std::filesystem::path& root, const YoloFolders& folders,
                  const std::vector<Category>* known, Faults& faults);

}  // namespace lanner::datasets
