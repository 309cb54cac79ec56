#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lanner::datasets {

// The folders of a VOC data set, in one of these layouts:
//   Annotations, JPEGImages, ImageSets/Main/SPLIT.txt             VOC
//   Annotations/SPLIT, Data/SPLIT, ImageSets/SPLIT.txt            ImageNet (split DET/val)
//   .xml beside the images, in the folder or in its folder SPLIT  exports of labeling tools
struct VocFolders {
  std::vector<std::filesystem::path> annotations, images;  // searched in this order
  std::filesystem::path list;                              // of the split; empty: all .xml files

  // Names of the split's annotations without extension; they may contain folders. Throws
  // missing_file.
  std::vector<std::string> names() const;

  std::filesystem::path annotation(const std::string& name) const;  // may not exist
  // The image of an annotation. Its name is tried before the annotation's `filename`, which is
  // often wrong.
  std::optional<std::filesystem::path> image(const std::string& name,
                                             const std::string& filename) const;
};

// Returns nullopt if `root` is not a VOC data set. An empty `split` selects `trainval` if there is
// such a list, and otherwise all annotations. Throws missing_file for an unknown split.
std::optional<VocFolders> find_voc(const std::filesystem::path& root, const std::string& split);

}  // namespace lanner::datasets
