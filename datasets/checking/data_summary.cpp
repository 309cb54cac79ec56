#include "lanner/datasets/checking/data_summary.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image.h"

namespace lanner::datasets {
namespace {

constexpr size_t kMaxHeaders = 200;

double quantile(std::vector<double>& values, double fraction) {
  if (values.empty()) return 0;
  const auto nth = values.begin() + std::lround(fraction * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

// Short and long side of an image; 0 if the annotations lack them and the file is not to be read,
// or cannot be.
std::pair<double, double> sides_of(const ImageRecord& image, bool read_header) {
  double width = image.width, height = image.height;
  if ((width <= 0 || height <= 0) && read_header) {
    try {
      const auto size = image_size(image.path);
      width = static_cast<double>(size.width), height = static_cast<double>(size.height);
    } catch (const Error&) {  // training and check-data report it
    }
  }
  if (width <= 0 || height <= 0) return {0, 0};
  return std::minmax(width, height);
}

}  // namespace

bool mirroring_changes_classes(const std::vector<Category>& categories) {
  std::set<std::string> names;
  for (auto name : categories) {
    std::transform(name.name.begin(), name.name.end(), name.name.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    names.insert(name.name);
  }
  const auto single = std::count_if(names.begin(), names.end(), [](const std::string& name) {
    return name.size() == 1 && std::isalnum(static_cast<unsigned char>(name[0]));
  });
  if (single >= 2 && 2 * single > std::ssize(names)) return true;
  return std::any_of(names.begin(), names.end(), [&](std::string name) {
    const auto at = name.find("left");
    return at != std::string::npos && names.contains(name.replace(at, 4, "right"));
  });
}

DataSummary summarize(const Dataset& dataset) {
  DataSummary summary{.images = std::ssize(dataset.images),
                      .classes = std::ssize(dataset.categories),
                      .mirroring_changes_classes = mirroring_changes_classes(dataset.categories)};
  std::vector<double> shorts, longs, sides, ratios, counts;
  const size_t step = dataset.images.size() / kMaxHeaders + 1;
  for (size_t i = 0; i < dataset.images.size(); ++i) {
    if (const auto [short_side, long_side] = sides_of(dataset.images[i], i % step == 0);
        short_side > 0)
      shorts.push_back(short_side), longs.push_back(long_side);
  }
  summary.short_side = quantile(shorts, 0.5), summary.long_side = quantile(longs, 0.5);
  for (const auto& image : dataset.images) {
    const double short_side = sides_of(image, false).first;
    const double scale = short_side > 0 ? summary.short_side / short_side : 1;
    int64_t count = 0;
    for (const auto& object : image.objects) {
      if (object.crowd) continue;
      ++count;
      sides.push_back(scale * std::sqrt(object.box.area()));
      ratios.push_back(object.box.height() / std::max(1e-3, object.box.width()));
    }
    counts.push_back(static_cast<double>(count));
    summary.objects += count;
  }
  summary.sides = {quantile(sides, .02), quantile(sides, .1), quantile(sides, .5),
                   quantile(sides, .9), quantile(sides, .98)};
  if (!ratios.empty()) summary.ratios = {quantile(ratios, .05), quantile(ratios, .95)};
  summary.objects_per_image = quantile(counts, .98);
  return summary;
}

}  // namespace lanner::datasets
