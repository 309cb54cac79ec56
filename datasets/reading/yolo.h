#pragma once

#include <optional>

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

// Image and label folders of one split of a YOLO data set.
struct YoloFolders {
  std::filesystem::path images, labels;
};

// Finds ROOT/images and ROOT/labels. With a split: ROOT/images/SPLIT and ROOT/labels/SPLIT, or
// ROOT/SPLIT/images and ROOT/SPLIT/labels. Returns nullopt if they do not exist.
std::optional<YoloFolders> find_yolo(const std::filesystem::path& root, const std::string& split);

// Reads one text file per image with lines `class x y width height`: box centers and sides as
// fractions of the image's sides. An image without a text file has no objects. Classes are numbers
// from 0. Their names are `names` of data.yaml or the lines of classes.txt, in `root` or in the
// folder above it, and otherwise the numbers. Malformed lines, unknown classes and unreadable
// images are appended to `issues`. Throws bad_data if data.yaml is malformed.
Dataset read_yolo(const std::filesystem::path& root, const YoloFolders& folders,
                  const std::vector<Category>* known, Issues& issues);

}  // namespace lanner::datasets
