#include "lanner/datasets/reading/unlabelled.h"

#include <iostream>
#include <map>
#include <set>

#include "lanner/datasets/files.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/images/image_files.h"
#include "lanner/datasets/parallel.h"
#include "lanner/datasets/reading/text_lines.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

// Files are compared where their sizes are equal.
class KnownFiles {
 public:
  explicit KnownFiles(std::span<const Dataset* const> known) {
    std::error_code error;
    for (const auto* dataset : known)
      for (const auto& image : dataset->images)
        if (const auto size = fs::file_size(image.path, error); !error)
          by_size_.emplace(size, image.path);
  }

  bool contain(const fs::path& file) const {
    std::error_code error;
    const auto [first, last] = by_size_.equal_range(fs::file_size(file, error));
    if (error) return false;
    return std::any_of(first, last, [&](const auto& known) {
      return fs::equivalent(known.second, file, error) ||
             read_bytes(known.second) == read_bytes(file);
    });
  }

 private:
  std::multimap<uintmax_t, fs::path> by_size_;
};

}  // namespace

std::vector<fs::path> listed_images(const fs::path& source) {
  if (source.extension() != ".txt") return list_images(source);
  std::vector<fs::path> files;
  for (const auto& line : text_lines(source)) {
    files.push_back((source.parent_path() / line).lexically_normal());
    if (!fs::exists(files.back()))
      throw missing_file(files.back().string() + ": not found, in the list " + source.string());
  }
  if (files.empty()) throw bad_data(source.string() + ": lists no images");
  return files;
}

Dataset open_unlabelled(const std::vector<fs::path>& sources,
                        std::span<const Dataset* const> known) {
  std::set<fs::path> files;
  for (const auto& source : sources)
    for (auto& file : listed_images(source)) files.insert(std::move(file));
  const std::vector<fs::path> all(files.begin(), files.end());
  const KnownFiles known_files(known);
  std::vector<char> is_known(all.size());
  std::vector<ImageRecord> records(all.size());
  parallel_for(all.size(), [&](size_t i) {
    is_known[i] = known_files.contain(all[i]);
    records[i] = {.id = static_cast<int64_t>(i) + 1, .path = all[i]};
    try {
      const auto size = image_size(all[i]);
      records[i].width = size.width, records[i].height = size.height;
    } catch (const Error&) {  // the loader says so, or uses another
    }
  });
  Dataset dataset;
  for (size_t i = 0; i < all.size(); ++i)
    if (!is_known[i]) dataset.images.push_back(std::move(records[i]));
  const auto left_out = all.size() - dataset.images.size();
  if (dataset.images.empty())
    throw bad_data("unlabelled: expected images without labels, got " + std::to_string(left_out) +
                   " that are all among the labelled ones");
  if (left_out > 0)
    std::cerr << "note: unlabelled: " << left_out << " of " << all.size()
              << " images are also among the labelled ones, and are left out\n";
  return dataset;
}

void add_truth(Dataset& images, const Dataset& truth) {
  std::map<fs::path, const ImageRecord*> by_name;
  for (const auto& image : truth.images) by_name[image.path.filename()] = &image;
  size_t found = 0;
  for (auto& image : images.images) {
    const auto known = by_name.find(image.path.filename());
    if (known == by_name.end()) continue;
    image.objects = known->second->objects;
    ++found;
  }
  images.categories = truth.categories;
  if (found == 0)
    throw bad_data("pseudo.truth: expected labels of unlabelled images, by file name, got none");
}

}  // namespace lanner::datasets
