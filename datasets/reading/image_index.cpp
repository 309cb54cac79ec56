#include "lanner/datasets/reading/image_index.h"

#include <algorithm>

#include "lanner/datasets/images/image.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

auto entries_under(const fs::path& folder) {
  return fs::recursive_directory_iterator(folder,
                                          fs::directory_options::follow_directory_symlink |
                                              fs::directory_options::skip_permission_denied);
}

}  // namespace

ImageIndex::ImageIndex(std::vector<fs::path> folders) : folders_(std::move(folders)) {
  std::erase_if(folders_, [](const fs::path& folder) { return !fs::is_directory(folder); });
}

std::optional<fs::path> ImageIndex::find(const std::string& name) const {
  if (name.empty() || fs::path(name).is_absolute()) return std::nullopt;
  for (const auto& folder : folders_)
    if (const auto path = folder / name; fs::is_regular_file(path)) return path;
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

std::vector<fs::path> images_under(const fs::path& folder) {
  std::vector<fs::path> images;
  for (const auto& entry : entries_under(folder))
    if (is_image_name(entry.path()) && entry.is_regular_file()) images.push_back(entry.path());
  std::sort(images.begin(), images.end());
  return images;
}

std::string describe_files(const fs::path& folder) {
  std::map<std::string, int64_t> counts;
  for (const auto& entry : entries_under(folder))
    if (entry.is_regular_file()) {
      const auto extension = entry.path().extension().string();
      ++counts[extension.empty() ? "files without extension" : extension];
    }
  std::vector<std::pair<int64_t, std::string>> kinds;
  for (const auto& [extension, count] : counts) kinds.emplace_back(count, extension);
  std::stable_sort(kinds.begin(), kinds.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text;
  for (size_t i = 0; i < std::min<size_t>(kinds.size(), 6); ++i)
    text += (i ? ", " : "") + std::to_string(kinds[i].first) + " " + kinds[i].second;
  return text.empty() ? "no files" : text;
}

}  // namespace lanner::datasets
