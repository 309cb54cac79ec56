#include "lanner/datasets/images/image_files.h"

#include <algorithm>
#include <array>
#include <iostream>
#include <map>
#include <set>

#include "lanner/datasets/error.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

// Calls visit(entry) for each file under `folder`. A link to a folder that holds it, or to one that
// was linked before, is not followed: it would have no end.
void visit_files(const fs::path& folder, const auto& visit) {
  std::set<fs::path> linked{fs::canonical(folder)};
  const auto leads_back = [&](const fs::path& link) {
    const auto target = fs::canonical(link);
    const auto parent = fs::canonical(link.parent_path()) / "";
    const auto end =
        std::mismatch(target.begin(), target.end(), parent.begin(), parent.end()).first;
    return end == target.end() || !linked.insert(target).second;
  };
  fs::recursive_directory_iterator it(folder, fs::directory_options::follow_directory_symlink |
                                                  fs::directory_options::skip_permission_denied);
  for (; it != fs::recursive_directory_iterator(); ++it) {
    if (it->is_symlink() && it->is_directory() && leads_back(it->path()))
      it.disable_recursion_pending();
    if (std::error_code broken_link; it->is_regular_file(broken_link)) visit(*it);
  }
}

bool has_extension(const fs::path& file, const auto& extensions) {
  return std::find(extensions.begin(), extensions.end(), lower_extension(file)) != extensions.end();
}

}  // namespace

std::string lower_extension(const fs::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return extension;
}

bool is_image_name(const fs::path& file) {
  static constexpr std::array extensions{".jpg", ".jpeg", ".jpe",  ".jfif", ".png", ".bmp", ".webp",
                                         ".tif", ".tiff", ".gif",  ".jp2",  ".ppm", ".pgm", ".pbm",
                                         ".pnm", ".tga",  ".avif", ".heic", ".heif"};
  return has_extension(file, extensions);
}

bool can_write_image(const fs::path& file) {
  static constexpr std::array extensions{".jpg",  ".jpeg", ".jpe",  ".png", ".bmp",
                                         ".webp", ".tif",  ".tiff", ".ppm", ".jp2"};
  return has_extension(file, extensions);
}

std::vector<fs::path> images_under(const fs::path& folder) {
  std::vector<fs::path> images;
  visit_files(folder, [&](const fs::directory_entry& entry) {
    if (is_image_name(entry.path())) images.push_back(entry.path());
  });
  std::sort(images.begin(), images.end());
  return images;
}

std::vector<fs::path> list_images(const fs::path& path) {
  if (!fs::exists(path)) throw missing_file(path.string() + ": no such file or folder");
  if (!fs::is_directory(path)) return {path};
  auto files = images_under(path);
  const auto others = describe_files(path, FileKinds::no_images);
  if (files.empty())
    throw bad_data(path.string() + ": holds no images" +
                   (others.empty() ? "" : "; found " + others));
  if (!others.empty())
    std::cerr << "note: " << path.string() << ": not read, as they are no images: " << others
              << "\n";
  return files;
}

std::string describe_unused(const fs::path& folder, const std::vector<fs::path>& used) {
  std::set<fs::path> paths;
  for (const auto& path : used) paths.insert(path.lexically_normal());
  const auto images = images_under(folder);
  const auto unused = std::count_if(images.begin(), images.end(), [&](const fs::path& image) {
    return !paths.contains(image.lexically_normal());
  });
  if (unused == 0) return {};
  return std::to_string(unused) + " of " + std::to_string(images.size()) + " images under " +
         folder.string();
}

std::string describe_files(const fs::path& folder, FileKinds which) {
  constexpr size_t kNamed = 6;
  const auto counts_as = [&](const fs::path& file) {
    if (which == FileKinds::all) return true;
    if (is_image_name(file)) return false;
    static constexpr std::array annotations{".txt", ".xml",  ".json",  ".csv", ".yaml",
                                            ".yml", ".data", ".names", ".md",  ""};
    return which == FileKinds::no_images || !has_extension(file, annotations);
  };
  std::map<std::string, int64_t> counts;
  visit_files(folder, [&](const fs::directory_entry& entry) {
    const auto extension = lower_extension(entry.path());
    if (counts_as(entry.path())) ++counts[extension.empty() ? "without extension" : extension];
  });
  std::vector<std::pair<int64_t, std::string>> kinds;
  for (const auto& [extension, count] : counts) kinds.emplace_back(count, extension);
  std::stable_sort(kinds.begin(), kinds.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text;
  for (size_t i = 0; i < kinds.size() && i < kNamed; ++i)
    text += (i ? ", " : "") + std::to_string(kinds[i].first) + " " + kinds[i].second;
  if (kinds.size() > kNamed) text += " and more";
  return text;
}

}  // namespace lanner::datasets
