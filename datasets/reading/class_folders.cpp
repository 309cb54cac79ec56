#include "lanner/datasets/reading/class_folders.h"

#include <algorithm>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image.h"

namespace lanner::datasets {
namespace fs = std::filesystem;

ClassFolders read_class_folders(const fs::path& root) {
  if (!fs::is_directory(root)) throw missing_file(root.string() + ": no such folder");
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(root))
    if (entry.is_directory()) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  ClassFolders found;
  for (const auto& folder : folders) {
    const auto label = static_cast<int64_t>(found.classes.size());
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file() && is_image_name(entry.path()))
        found.files.push_back(entry.path());
    if (found.files.size() == found.labels.size()) continue;  // no images in this folder
    found.classes.push_back(folder.filename().string());
    std::sort(found.files.begin() + std::ssize(found.labels), found.files.end());
    found.labels.resize(found.files.size(), label);
  }
  if (found.classes.size() < 2)
    throw bad_data(root.string() + ": classes: expected at least two folders with images, got " +
                   std::to_string(found.classes.size()));
  return found;
}

ClassSplit read_class_split(const fs::path& root, std::vector<fs::path> test) {
  const bool splits = fs::is_directory(root / "train");
  ClassSplit split{read_class_folders(splits ? root / "train" : root), {}};
  auto& classes = split.test.classes = split.train.classes;
  if (test.empty() && !splits) {
    ClassFolders train{classes, {}, {}};
    for (size_t i = 0; i < split.train.files.size(); ++i) {
      auto& part = i % 5 == 4 ? split.test : train;
      part.files.push_back(split.train.files[i]);
      part.labels.push_back(split.train.labels[i]);
    }
    split.train = std::move(train);
    return split;
  }
  if (test.empty())
    for (const char* name : {"validation", "val", "valid", "test"})
      if (fs::is_directory(root / name)) test.push_back(root / name);
  if (test.empty())
    throw missing_file(root.string() + ": no folder validation, val, valid or test");
  for (const auto& folder : test) {
    const auto found = read_class_folders(folder);
    for (size_t i = 0; i < found.files.size(); ++i) {
      const auto& name = found.classes[found.labels[i]];
      const auto match = std::find(classes.begin(), classes.end(), name);
      if (match == classes.end())
        throw bad_data((folder / name).string() + ": class: " + root.string() + " has no class \"" +
                       name + "\"");
      split.test.files.push_back(found.files[i]);
      split.test.labels.push_back(match - classes.begin());
    }
  }
  return split;
}

}  // namespace lanner::datasets
