#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lanner/ops/api.h"

namespace lanner::datasets {

// An image classification data set with one folder per class, sorted by name.
struct ClassFolders {
  std::vector<std::string> classes;
  std::vector<std::filesystem::path> files;
  std::vector<int64_t> labels;  // class of each file, from 0
};

// Throws missing_file if the folder does not exist, and bad_data if fewer than two classes have
// images.
ClassFolders read_class_folders(const std::filesystem::path& root);

struct ClassSplit {
  ClassFolders train, test;  // both use the labels of train
};

// `test` lists class folders that form the test set together. If it is empty, root/validation, val,
// valid and test are used if root/train exists, and otherwise every fifth image. Throws the errors
// of read_class_folders, missing_file if root/train has no such folder beside it, and bad_data for
// a class that the training set does not have.
LANNER_API ClassSplit read_class_split(const std::filesystem::path& root,
                                       std::vector<std::filesystem::path> test);

}  // namespace lanner::datasets
