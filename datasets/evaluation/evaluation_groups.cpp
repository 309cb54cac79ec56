#include "lanner/datasets/evaluation/evaluation_groups.h"

#include <algorithm>

#include "lanner/datasets/parallel.h"

namespace lanner::datasets {
namespace {

// Objects and detections of one category, before they are split by image.
struct CategoryGroup {
  std::vector<const CocoAnnotation*> truth;
  std::vector<const CocoDetection*> detections;
};

std::vector<ImageGroup> split_by_image(CategoryGroup& group) {
  std::stable_sort(
      group.truth.begin(), group.truth.end(),
      [](const CocoAnnotation* a, const CocoAnnotation* b) { return a->image_id < b->image_id; });
  std::stable_sort(group.detections.begin(), group.detections.end(),
                   [](const CocoDetection* a, const CocoDetection* b) {
                     return a->image_id != b->image_id ? a->image_id < b->image_id
                                                       : a->score > b->score;
                   });
  std::vector<ImageGroup> images;
  auto t = group.truth.begin();
  auto d = group.detections.begin();
  while (t != group.truth.end() || d != group.detections.end()) {
    const int64_t id = d == group.detections.end() ? (*t)->image_id
                       : t == group.truth.end()    ? (*d)->image_id
                                                   : std::min((*t)->image_id, (*d)->image_id);
    auto& image_group = images.emplace_back();
    image_group.image_id = id;
    while (t != group.truth.end() && (*t)->image_id == id) image_group.truth.push_back(*t++);
    while (d != group.detections.end() && (*d)->image_id == id)
      image_group.detections.push_back(*d++);
  }
  return images;
}

}  // namespace

std::vector<std::vector<ImageGroup>> group_by_category(
    const CocoFile& truth, const std::vector<CocoDetection>& detections) {
  std::vector<int64_t> image_ids;
  for (const auto& image : truth.images) image_ids.push_back(image.id);
  std::sort(image_ids.begin(), image_ids.end());
  std::unordered_map<int64_t, size_t> index;
  for (size_t i = 0; i < truth.categories.size(); ++i) index.emplace(truth.categories[i].id, i);

  std::vector<CategoryGroup> groups(truth.categories.size());
  const auto group_of = [&](int64_t image, int64_t category) -> CategoryGroup* {
    const auto found = index.find(category);
    const bool known =
        found != index.end() && std::binary_search(image_ids.begin(), image_ids.end(), image);
    return known ? &groups[found->second] : nullptr;
  };
  for (const auto& annotation : truth.annotations)
    if (auto* group = group_of(annotation.image_id, annotation.category_id))
      group->truth.push_back(&annotation);
  for (const auto& detection : detections)
    if (auto* group = group_of(detection.image_id, detection.category_id))
      group->detections.push_back(&detection);

  std::vector<std::vector<ImageGroup>> result(groups.size());
  parallel_for(groups.size(), [&](size_t i) {
    result[i] = split_by_image(groups[i]);
    groups[i] = {};
  });
  return result;
}

}  // namespace lanner::datasets
