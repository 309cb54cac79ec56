#include "lanner/datasets/reading/voc_folders.h"

#include <algorithm>

#include "lanner/datasets/dataset.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image_files.h"
#include "lanner/datasets/reading/text_lines.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

bool has_xml(const fs::path& folder) {
  if (!fs::is_directory(folder)) return false;
  const auto entries = fs::directory_iterator(folder);
  return std::any_of(begin(entries), end(entries),
                     [](const auto& entry) { return lower_extension(entry.path()) == ".xml"; });
}

std::optional<fs::path> find_list(const fs::path& root, const std::string& split) {
  const fs::path lists = root / "ImageSets", file = split + ".txt";
  for (const auto& path : {lists / "Main" / file, lists / file})
    if (fs::exists(path)) return path;
  return std::nullopt;
}

// What a line of a list may mean, the likeliest first.
std::vector<std::string> names_in(std::string line) {
  if (const char quote = line.front();
      line.size() > 1 && (quote == '"' || quote == '\'') && line.back() == quote)
    line = line.substr(1, line.size() - 2);
  std::vector<std::string> names{line};
  if (const auto space = line.find_last_of(" \t"); space != std::string::npos)
    names.push_back(trimmed(line.substr(0, space)));
  for (size_t i = 0, count = names.size(); i < count; ++i)
    if (is_image_name(names[i])) names.push_back(fs::path(names[i]).replace_extension().string());
  return names;
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
  for (const auto& line : text_lines(list)) {
    const auto candidates = names_in(line);
    const auto found =
        std::find_if(candidates.begin(), candidates.end(), [&](const std::string& name) {
          return !escapes_folder(name) && fs::exists(annotation(name));
        });
    names.push_back(found == candidates.end() ? candidates.back() : *found);
  }
  return names;
}

fs::path VocFolders::annotation(const std::string& name) const {
  for (const auto& folder : annotations)
    if (const auto path = folder / (name + ".xml"); fs::exists(path)) return path;
  return annotations[0] / (name + ".xml");
}

std::optional<VocFolders> find_voc(const fs::path& root, const std::string& split) {
  if (const auto annotations = root / "Annotations"; fs::is_directory(annotations)) {
    VocFolders folders{{annotations}, {root / "JPEGImages", root / "Data", root / "images"}, {}};
    const auto list = find_list(root, split.empty() ? "trainval" : split);
    if (list) folders.list = *list;
    if (split.empty() && !list && find_list(root, "train")) return std::nullopt;
    if (split.empty()) return folders;
    folders.annotations.push_back(annotations / split);
    folders.images.push_back(root / "Data" / split);
    return list ? std::optional(folders) : std::nullopt;
  }
  if (!split.empty()) return std::nullopt;
  if (has_xml(root / "annotations"))
    return VocFolders{{root / "annotations"}, {root / "images", root / "annotations", root}, {}};
  if (has_xml(root)) return VocFolders{{root}, {root, root / "images"}, {}};
  return std::nullopt;
}

}  // namespace lanner::datasets
