#include "lanner/datasets/joined.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

namespace lanner::datasets {

Dataset joined(std::vector<Dataset> parts) {
  Dataset all;
  std::map<std::string, int64_t> labels;
  std::set<int64_t> category_ids, image_ids;
  for (auto& part : parts) {
    std::vector<int64_t> label_of;  // in `all`, of the part's categories
    for (auto category : part.categories) {
      const auto [found, added] =
          labels.emplace(category.name, static_cast<int64_t>(all.categories.size()) + 1);
      label_of.push_back(found->second);
      if (!added) continue;
      if (category_ids.count(category.id)) category.id = *category_ids.rbegin() + 1;
      category_ids.insert(category.id);
      all.categories.push_back(std::move(category));
    }
    for (auto& image : part.images) {
      image_ids.insert(image.id);
      for (auto& object : image.objects) object.label = label_of[object.label - 1];
    }
    std::move(part.images.begin(), part.images.end(), std::back_inserter(all.images));
  }
  if (image_ids.size() < all.images.size())
    for (size_t i = 0; i < all.images.size(); ++i) all.images[i].id = static_cast<int64_t>(i) + 1;
  return all;
}

}  // namespace lanner::datasets
