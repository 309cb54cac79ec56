#include "lanner/datasets/checking/fingerprint.h"

#include "lanner/datasets/sha256.h"

namespace lanner::datasets {

std::string fingerprint(const Dataset& dataset) {
  Sha256 hash;
  const auto add = [&](auto... numbers) { (hash.add(&numbers, sizeof numbers), ...); };
  for (const auto& category : dataset.categories) {
    hash.add(category.name);
    add(category.id);
  }
  for (const auto& image : dataset.images) {
    hash.add(image.path.filename().string());
    add(image.width, image.height, image.objects.size());
    for (const auto& o : image.objects)
      add(o.box.x1, o.box.y1, o.box.x2, o.box.y2, o.label, o.crowd, o.difficult);
  }
  return hash.hex();
}

std::string fingerprint(const std::vector<std::filesystem::path>& files) {
  Sha256 hash;
  for (const auto& file : files) hash.add(file.filename().string());
  return hash.hex();
}

}  // namespace lanner::datasets
