#pragma once

#include <optional>

#include "lanner/datasets/reading/annotations.h"

namespace lanner::datasets {

// One split of a YOLO data set.
struct YoloFiles {
  std::vector<std::filesystem::path> images;  // sorted
  std::vector<std::string> names;             // of the classes; empty: their numbers
  // The folder that holds label files of these images only; empty if there is none.
  std::filesystem::path labels;
  size_t keypoint_numbers = 0;  // behind each box, of data for poses; they are not read
  std::vector<std::string> notes;
};

// Finds a split of a YOLO data set: as data.yaml (or another .yaml file with `names`) says, as
// Darknet's obj.data says, in ROOT/images and ROOT/labels, in ROOT/images/SPLIT and
// ROOT/labels/SPLIT, or with label files beside the images. Without a split, the one called `train`
// if there is a data.yaml, and otherwise all images. `root` may also be the .yaml or .data file.
// Names are those of the .yaml file or the lines of classes.txt, in the folder or the one above.
// Returns nullopt if there is no such split. Throws bad_data naming the file and the field.
std::optional<YoloFiles> find_yolo(const std::filesystem::path& root, const std::string& split);

// The folder with `labels` in place of its last folder `images`; the same folder if it has none.
std::filesystem::path labels_beside(const std::filesystem::path& images);

// Reads one text file per image, in the folder `labels` that stands in place of the last folder
// `images` in the image's path, or beside the image. Lines are `class x y width height`, box
// centers and sides as fractions of the image's sides, or `class x1 y1 x2 y2 x3 y3 ...` for a
// polygon. Classes are numbers from 0. An image without a text file has no objects. Malformed
// lines, unknown classes, and label files without an image are appended to `issues`.
Annotations read_yolo(const YoloFiles& files, Issues& issues);

}  // namespace lanner::datasets
