#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

// Writes the label file of an image: a line per object, with ten digits. Throws io_error.
void write_yolo_labels(const std::filesystem::path& file, const ImageRecord& image);

// Writes data.yaml, with images/SPLIT for each split. Throws io_error.
void write_yolo_yaml(const std::filesystem::path& file, const std::vector<Category>& categories,
                     const std::vector<std::string>& splits);

}  // namespace lanner::datasets
