#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lanner::datasets {

// The folders of a VOC data set, in one of these layouts:
//   Annotations, JPEGImages, ImageSets/Main/SPLIT.txt   VOC
//   Annotations/SPLIT, Data/SPLIT, ImageSets/SPLIT.txt  ImageNet (split DET/val)
//   annotations, images                                 without splits
//   .xml beside the images                              exports of labeling tools
struct VocFolders {
  std::vector<std::filesystem::path> annotations, images;  // searched in this order
  std::filesystem::path list;                              // of the split; empty: all .xml files

  // Names of the split's annotations without extension; they may contain folders. A line of a list
  // may be quoted, may have the image's extension, and may end with a number: a label of -1, 0 or
  // 1, or ImageNet's running number. Throws missing_file.
  std::vector<std::string> names() const;

  std::filesystem::path annotation(const std::string& name) const;  // may not exist
};

// Returns nullopt if `root` is not a VOC data set or has no such split. An empty `split` selects
// `trainval` if there is such a list, and all annotations if there is no list `train` either.
std::optional<VocFolders> find_voc(const std::filesystem::path& root, const std::string& split);

}  // namespace lanner::datasets
