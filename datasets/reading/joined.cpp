#include "lanner/datasets/reading/joined.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

namespace lanner::datasets {

Dataset joined(std::vector<Dataset> parts) {
  Dataset result;
  std::map<std::string, int64_t> labels;
  std::set<int64_t> category_ids, image_ids;
  for (auto& part : parts) {
    std::vector<int64_t> label_of;  // label in `result` of each category of the part
    for (auto category : part.categories) {
      const auto [found, added] =
          labels.emplace(category.name, static_cast<int64_t>(result.categories.size()) + 1);
      label_of.push_back(found->second);
      if (!added) continue;
      if (category_ids.count(category.id)) category.id = *category_ids.rbegin() + 1;
      category_ids.insert(category.id);
      result.categories.push_back(std::move(category));
    }
    for (auto& image : part.images) {
      image_ids.insert(image.id);
      for (auto& object : image.objects) object.label = label_of[object.label - 1];
    }
    std::move(part.notes.begin(), part.notes.end(), std::back_inserter(result.notes));
    std::move(part.images.begin(), part.images.end(), std::back_inserter(result.images));
  }
  if (image_ids.size() < result.images.size())
    for (size_t i = 0; i < result.images.size(); ++i)
      result.images[i].id = static_cast<int64_t>(i) + 1;
  return result;
}

}  // namespace lanner::datasets
