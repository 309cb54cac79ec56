#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace lanner::datasets {

// A folder whose folders are classes, in order of name.
struct ClassFolders {
  std::vector<std::string> classes;
  std::vector<std::filesystem::path> files;
  std::vector<int64_t> labels;  // of each file: which class, from 0
};

// Throws missing_file where there is no such folder, bad_data where it has fewer than two classes
// with images.
ClassFolders read_class_folders(const std::filesystem::path& root);

// What to learn from and what to be asked about.
struct ClassSplit {
  ClassFolders train, test;  // labels of both are train's
};

// test: folders of classes that are taken together. Where none is given: root/validation, val,
// valid and test beside root/train, or every fifth image of each class. Throws as
// read_class_folders, and bad_data for a class that train does not have.
ClassSplit read_class_split(const std::filesystem::path& root,
                            std::vector<std::filesystem::path> test);

}  // namespace lanner::datasets
