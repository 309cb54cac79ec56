#include "lanner/datasets/reading/voc_folders.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "lanner/datasets/error.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

bool has_xml(const fs::path& folder) {
  if (!fs::is_directory(folder)) return false;
  const auto entries = fs::directory_iterator(folder);
  return std::any_of(begin(entries), end(entries),
                     [](const auto& entry) { return entry.path().extension() == ".xml"; });
}

fs::path find_list(const fs::path& root, const std::string& split) {
  const fs::path lists = root / "ImageSets", file = split + ".txt";
  for (const auto& path : {lists / "Main" / file, lists / file})
    if (fs::exists(path)) return path;
  throw missing_file((lists / "Main" / file).string() + ": no such split");
}

}  // namespace

std::vector<std::string> VocFolders::names() const {
  std::vector<std::string> names;
  if (list.empty()) {
    for (const auto& entry : fs::recursive_directory_iterator(annotations[0]))
      if (entry.path().extension() == ".xml")
        names.push_back(
            entry.path().lexically_relative(annotations[0]).replace_extension().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  std::ifstream file(list);
  if (!file) throw missing_file(list.string() + ": cannot be read");
  // Lists may have a second column: -1, 0 or 1 for a class, or ImageNet's running number.
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    if (std::string name; words >> name) names.push_back(name);
  }
  return names;
}

fs::path VocFolders::annotation(const std::string& name) const {
  for (const auto& folder : annotations)
    if (const auto path = folder / (name + ".xml"); fs::exists(path)) return path;
  return annotations[0] / (name + ".xml");
}

std::optional<fs::path> VocFolders::image(const std::string& name,
                                          const std::string& filename) const {
  for (const auto& stem : {name, fs::path(filename).stem().string()})
    for (const auto& folder : images)
      for (const char* extension :
           {".jpg", ".JPG", ".jpeg", ".JPEG", ".png", ".PNG", ".bmp", ".webp"})
        if (const auto path = folder / (stem + extension); !stem.empty() && fs::exists(path))
          return path;
  return std::nullopt;
}

std::optional<VocFolders> find_voc(const fs::path& root, const std::string& split) {
  if (const auto annotations = root / "Annotations"; fs::is_directory(annotations)) {
    VocFolders folders{{annotations}, {root / "JPEGImages", root / "Data"}, {}};
    if (!split.empty()) {
      folders.annotations.push_back(annotations / split);
      folders.images.push_back(root / "Data" / split);
      folders.list = find_list(root, split);
    } else if (const auto list = root / "ImageSets" / "Main" / "trainval.txt"; fs::exists(list)) {
      folders.list = list;
    }
    return folders;
  }
  const auto folder = split.empty() ? root : root / split;
  if (has_xml(folder)) return VocFolders{{folder}, {folder}, {}};
  return std::nullopt;
}

}  // namespace lanner::datasets
