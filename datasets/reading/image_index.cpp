#include "lanner/datasets/reading/image_index.h"

#include "lanner/datasets/images/image_files.h"

namespace lanner::datasets {
namespace fs = std::filesystem;

ImageIndex::ImageIndex(std::vector<fs::path> folders) : folders_(std::move(folders)) {
  std::erase_if(folders_, [](const fs::path& folder) { return !fs::is_directory(folder); });
}

std::optional<fs::path> ImageIndex::find(const std::string& name) const {
  if (name.empty() || fs::path(name).is_absolute()) return std::nullopt;
  for (const auto& folder : folders_)
    if (std::error_code too_long; fs::is_regular_file(folder / name, too_long))
      return folder / name;
  return std::nullopt;
}

std::optional<fs::path> ImageIndex::find_stem(const std::string& name) {
  for (const auto& root : folders_) {
    const auto path = root / name;
    const auto& stems = stems_in(path.parent_path());
    if (const auto found = stems.find(path.filename().string()); found != stems.end())
      return found->second;
  }
  return std::nullopt;
}

const ImageIndex::Stems& ImageIndex::stems_in(const fs::path& folder) {
  const auto [found, added] = stems_.try_emplace(folder);
  auto& stems = found->second;
  if (!added || !fs::is_directory(folder)) return stems;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!is_image_name(entry.path())) continue;
    auto& path = stems[entry.path().stem().string()];
    // Of two images of one stem, the first by name, whatever the order of the listing.
    if (path.empty() || entry.path() < path) path = entry.path();
  }
  return stems;
}

}  // namespace lanner::datasets
