#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lanner::datasets {

// Where a VOC data set keeps its files, in the forms that are about:
//   Annotations, JPEGImages, ImageSets/Main/SPLIT.txt             VOC
//   Annotations/SPLIT, Data/SPLIT, ImageSets/SPLIT.txt            ImageNet (split DET/val)
//   .xml beside the images, in the folder or in its folder SPLIT  exports of labelling tools
struct VocFolders {
  std::vector<std::filesystem::path> annotations, images;  // the first that has a file counts
  std::filesystem::path list;                              // of the split; empty: every .xml

  // Of the split's annotations, without extension, perhaps with folders. Throws missing_file.
  std::vector<std::string> names() const;

  std::filesystem::path annotation(const std::string& name) const;  // may not exist
  // By its own name first, for `filename`, what the annotation says, is often wrong.
  std::optional<std::filesystem::path> image(const std::string& name,
                                             const std::string& filename) const;
};

// Nothing where `root` is no VOC data set. split: empty for `trainval` where there is such a list.
// Throws missing_file for a split that is not there.
std::optional<VocFolders> find_voc(const std::filesystem::path& root, const std::string& split);

}  // namespace lanner::datasets
