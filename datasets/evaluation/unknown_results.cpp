#include "lanner/datasets/evaluation/unknown_results.h"

#include <unordered_set>

namespace lanner::datasets {

UnknownResults count_unknown(const CocoFile& truth, const std::vector<CocoDetection>& detections) {
  std::unordered_set<int64_t> images, categories;
  for (const auto& image : truth.images) images.insert(image.id);
  for (const auto& category : truth.categories) categories.insert(category.id);
  UnknownResults unknown;
  for (const auto& detection : detections)
    if (!images.contains(detection.image_id))
      ++unknown.images;
    else if (!categories.contains(detection.category_id))
      ++unknown.categories;
  return unknown;
}

}  // namespace lanner::datasets
