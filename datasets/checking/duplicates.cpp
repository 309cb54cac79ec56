#include "lanner/datasets/checking/duplicates.h"

#include <cstring>
#include <map>
#include <opencv2/core/utility.hpp>
#include <unordered_map>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/parallel.h"

namespace lanner::datasets {
namespace {

// Two 64-bit hashes of the content of a file; 0 if it cannot be read. Among a million different
// images, the probability that two have the same hash is about 1e-27.
struct Hash {
  uint64_t a = 0, b = 0;
  bool operator<(const Hash& other) const { return std::tie(a, b) < std::tie(other.a, other.b); }
};

Hash hash_of(const std::filesystem::path& file) {
  std::vector<unsigned char> bytes;
  try {
    bytes = read_bytes(file);
  } catch (const Error&) {
    return {};
  }
  Hash hash{bytes.size() + 1, ~bytes.size()};
  bytes.resize((bytes.size() + 7) / 8 * 8);
  for (size_t i = 0; i < bytes.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    hash.a = (hash.a ^ word) * 0x9E3779B97F4A7C15ull, hash.a ^= hash.a >> 29;
    hash.b = (hash.b + word) * 0xD6E8FEB86659FD93ull, hash.b ^= hash.b >> 32;
  }
  return hash;
}

std::vector<Hash> hashes_of(const Dataset& dataset) {
  std::vector<Hash> hashes(dataset.images.size());
  parallel_for(hashes.size(), [&](size_t i) { hashes[i] = hash_of(dataset.images[i].path); });
  return hashes;
}

void report(Issues& issues, const ImageRecord& image, const std::string& message) {
  issues.push_back({image.path.string(), "image", message, Issue::Action::keep});
}

}  // namespace

std::string photo_of(const std::filesystem::path& image) {
  const std::string stem = image.stem().string();
  const auto mark = stem.rfind(".rf.");
  if (mark == std::string::npos || stem.size() < mark + 4 + 8 ||
      stem.find_first_not_of("0123456789abcdef", mark + 4) != std::string::npos)
    return "";
  return stem.substr(0, mark);
}

void find_identical_images(const Split& split, const std::vector<Split>& others, Issues& issues) {
  const auto hashes = hashes_of(split.dataset);
  std::map<Hash, size_t> first;
  for (size_t i = 0; i < hashes.size(); ++i) {
    if (hashes[i].a == 0) continue;
    const auto [found, inserted] = first.emplace(hashes[i], i);
    if (!inserted)
      report(issues, split.dataset.images[i],
             "identical to " + split.dataset.images[found->second].path.string());
  }
  for (const auto& other : others) {
    const auto other_hashes = hashes_of(other.dataset);
    for (size_t i = 0; i < other_hashes.size(); ++i)
      if (const auto found = first.find(other_hashes[i]);
          other_hashes[i].a != 0 && found != first.end())
        report(issues, split.dataset.images[found->second],
               "identical to " + other.dataset.images[i].path.string() + " of " + other.name);
  }
}

void find_augmented_copies(const Split& split, const std::vector<Split>& others, Issues& issues) {
  std::map<std::string, std::vector<const ImageRecord*>> photos;
  for (const auto& image : split.dataset.images)
    if (const auto photo = photo_of(image.path); !photo.empty()) photos[photo].push_back(&image);
  for (const auto& [photo, copies] : photos)
    if (copies.size() > 1)
      report(issues, *copies[0],
             "one of " + std::to_string(copies.size()) + " augmented copies of the photo \"" +
                 photo + "\", by their names: keep them in one split");
  for (const auto& other : others)
    for (const auto& image : other.dataset.images)
      if (const auto found = photos.find(photo_of(image.path));
          found != photos.end() && image.path != found->second[0]->path)
        report(
            issues, *found->second[0],
            "copy of the same photo, by its name, as " + image.path.string() + " of " + other.name);
}

}  // namespace lanner::datasets
