#include "lanner/datasets/evaluation_groups.h"

#include <algorithm>

#include "lanner/datasets/parallel.h"

namespace lanner::datasets {
namespace {

// One category's, before they are divided by image.
struct Group {
  std::vector<const CocoAnnotation*> truth;
  std::vector<const CocoDetection*> detections;
};

std::vector<Cell> divide(Group& group) {
  std::stable_sort(
      group.truth.begin(), group.truth.end(),
      [](const CocoAnnotation* a, const CocoAnnotation* b) { return a->image_id < b->image_id; });
  std::stable_sort(group.detections.begin(), group.detections.end(),
                   [](const CocoDetection* a, const CocoDetection* b) {
                     return a->image_id != b->image_id ? a->image_id < b->image_id
                                                       : a->score > b->score;
                   });
  std::vector<Cell> cells;
  auto t = group.truth.begin();
  auto d = group.detections.begin();
  while (t != group.truth.end() || d != group.detections.end()) {
    const int64_t image = d == group.detections.end() ? (*t)->image_id
                          : t == group.truth.end()    ? (*d)->image_id
                                                      : std::min((*t)->image_id, (*d)->image_id);
    auto& cell = cells.emplace_back();
    cell.image_id = image;
    while (t != group.truth.end() && (*t)->image_id == image) cell.truth.push_back(*t++);
    while (d != group.detections.end() && (*d)->image_id == image) cell.detections.push_back(*d++);
  }
  return cells;
}

}  // namespace

std::vector<std::vector<Cell>> group_by_category(const CocoFile& truth,
                                                 const std::vector<CocoDetection>& detections) {
  std::vector<int64_t> images;
  for (const auto& image : truth.images) images.push_back(image.id);
  std::sort(images.begin(), images.end());
  std::unordered_map<int64_t, size_t> place;
  for (size_t i = 0; i < truth.categories.size(); ++i) place.emplace(truth.categories[i].id, i);

  std::vector<Group> groups(truth.categories.size());
  const auto group_of = [&](int64_t image, int64_t category) -> Group* {
    const auto found = place.find(category);
    const bool known =
        found != place.end() && std::binary_search(images.begin(), images.end(), image);
    return known ? &groups[found->second] : nullptr;
  };
  for (const auto& annotation : truth.annotations)
    if (auto* group = group_of(annotation.image_id, annotation.category_id))
      group->truth.push_back(&annotation);
  for (const auto& detection : detections)
    if (auto* group = group_of(detection.image_id, detection.category_id))
      group->detections.push_back(&detection);

  std::vector<std::vector<Cell>> cells(groups.size());
  parallel_for(groups.size(), [&](size_t i) {
    cells[i] = divide(groups[i]);
    groups[i] = {};
  });
  return cells;
}

}  // namespace lanner::datasets
