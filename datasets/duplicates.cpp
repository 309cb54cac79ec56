#include "lanner/datasets/duplicates.h"

#include <cstring>
#include <map>
#include <opencv2/core/utility.hpp>
#include <unordered_map>

#include "lanner/datasets/error.h"
#include "lanner/datasets/image.h"
#include "lanner/datasets/parallel.h"

namespace lanner::datasets {
namespace {

// Of a file's bytes; 0 where it cannot be read. Two hashes of 64 bits that multiply and mix eight
// bytes at a time: among a million images two unlike ones share both with a chance of 1e-27.
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

void report(Faults& faults, const ImageRecord& image, const std::string& message) {
  faults.push_back({image.path.string(), "image", message, Fault::Action::keep});
}

// "A0_jpg" of "A0_jpg.rf.292a..13af41.jpg"; empty where a name is no such.
std::string photo_of(const std::filesystem::path& path) {
  const std::string stem = path.stem().string();
  const auto mark = stem.rfind(".rf.");
  if (mark == std::string::npos || stem.size() != mark + 4 + 32 ||
      stem.find_first_not_of("0123456789abcdef", mark + 4) != std::string::npos)
    return "";
  return stem.substr(0, mark);
}

}  // namespace

void find_duplicates(const Split& own, const std::vector<Split>& others, Faults& faults) {
  const auto hashes = hashes_of(own.dataset);
  std::map<Hash, size_t> first;
  for (size_t i = 0; i < hashes.size(); ++i) {
    if (hashes[i].a == 0) continue;
    const auto [found, fresh] = first.emplace(hashes[i], i);
    if (!fresh)
      report(faults, own.dataset.images[i],
             "the same as " + own.dataset.images[found->second].path.string());
  }
  for (const auto& other : others) {
    const auto theirs = hashes_of(other.dataset);
    for (size_t i = 0; i < theirs.size(); ++i)
      if (const auto found = first.find(theirs[i]); theirs[i].a != 0 && found != first.end())
        report(faults, own.dataset.images[found->second],
               "the same as " + other.dataset.images[i].path.string() + " of " + other.name);
  }
}

void find_copies(const Split& own, const std::vector<Split>& others, Faults& faults) {
  std::map<std::string, std::vector<const ImageRecord*>> photos;
  for (const auto& image : own.dataset.images)
    if (const auto photo = photo_of(image.path); !photo.empty()) photos[photo].push_back(&image);
  for (const auto& [photo, copies] : photos)
    if (copies.size() > 1)
      report(faults, *copies[0],
             "one of " + std::to_string(copies.size()) + " augmented copies of the photo \"" +
                 photo + "\", by their names: keep them in one split");
  for (const auto& other : others)
    for (const auto& image : other.dataset.images)
      if (const auto found = photos.find(photo_of(image.path));
          found != photos.end() && image.path != found->second[0]->path)
        report(faults, *found->second[0],
               "of the same photo, by its name, as " + image.path.string() + " of " + other.name);
}

}  // namespace lanner::datasets
