#include "lanner/datasets/converting/split_groups.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <random>

#include "lanner/datasets/checking/duplicates.h"

namespace lanner::datasets {
namespace {

// The stem without the number of the frame; empty if the name is not that of a frame.
std::string film_of(const std::filesystem::path& image) {
  std::string stem = image.stem().string();
  const auto digits = stem.find_last_not_of("0123456789");
  if (digits == std::string::npos || digits + 1 == stem.size()) return {};
  stem.resize(digits + 1);
  std::string lower = stem;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  for (const char* mark : {"frame", ".mp4", ".avi", ".mov", ".mkv", "_mp4", "_avi", "_mov"})
    if (lower.find(mark) != std::string::npos) return stem;
  return {};
}

}  // namespace

std::string group_of(const std::filesystem::path& image) {
  const auto folder = image.parent_path().string() + "/";
  if (const auto photo = photo_of(image); !photo.empty()) return photo;
  if (const auto film = film_of(image); !film.empty()) return folder + film;
  return image.string();
}

ImageSplit split_images(const std::vector<ImageRecord>& images, const std::vector<double>& shares,
                        uint64_t seed) {
  std::map<std::string, std::vector<size_t>> by_name;
  for (size_t i = 0; i < images.size(); ++i) by_name[group_of(images[i].path)].push_back(i);
  std::vector<std::vector<size_t>> groups;
  for (auto& [name, members] : by_name) groups.push_back(std::move(members));

  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  std::vector<double> missing;  // images that each part still lacks
  for (const double share : shares)
    missing.push_back(share / sum * static_cast<double>(images.size()));
  std::vector<size_t> part(images.size());
  if (groups.size() < shares.size()) {
    size_t current = 0;
    for (size_t i = 0; i < images.size(); ++i) {
      while (current + 1 < shares.size() && missing[current] < 0.5) ++current;
      part[i] = current, --missing[current];
    }
    return {part, true};
  }
  std::mt19937_64 generator(seed);
  for (size_t i = groups.size(); i > 1; --i) std::swap(groups[i - 1], groups[generator() % i]);
  for (const auto& group : groups) {
    const auto most = std::max_element(missing.begin(), missing.end());
    for (const size_t i : group) part[i] = most - missing.begin();
    *most -= static_cast<double>(group.size());
  }
  return {part};
}

}  // namespace lanner::datasets
