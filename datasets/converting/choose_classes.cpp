#include "lanner/datasets/converting/choose_classes.h"

#include <algorithm>
#include <sstream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/reading/text_lines.h"

namespace lanner::datasets {
namespace {

size_t index_of(const std::vector<Category>& categories, const std::string& name,
                const std::string& flag) {
  for (size_t i = 0; i < categories.size(); ++i)
    if (categories[i].name == name) return i;
  std::string known;
  for (const auto& category : categories) known += (known.empty() ? "" : ", ") + category.name;
  throw usage_error("--" + flag + ": no class \"" + name + "\"; the data have " + known);
}

}  // namespace

void choose_classes(Dataset& dataset, const std::vector<std::string>& merge,
                    const std::vector<std::string>& classes, std::vector<std::string>& notes) {
  auto names = dataset.categories;  // the new name of each category
  for (const auto& entry : merge) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos || equals + 1 == entry.size())
      throw usage_error("--merge: expected OLD=NEW, got \"" + entry + "\"");
    names[index_of(dataset.categories, entry.substr(0, equals), "merge")].name =
        entry.substr(equals + 1);
  }
  std::vector<Category> kept;
  for (const auto& category : names)
    if (std::none_of(kept.begin(), kept.end(),
                     [&](const Category& other) { return other.name == category.name; }))
      kept.push_back(category);
  if (!classes.empty()) {
    std::vector<Category> chosen;
    for (const auto& text : classes) {
      std::istringstream list(text);
      for (std::string name; std::getline(list, name, ',');) {
        name = trimmed(name);
        for (const auto& other : chosen)
          if (other.name == name) throw usage_error("--classes: \"" + name + "\" is given twice");
        chosen.push_back(kept[index_of(kept, name, "classes")]);
      }
    }
    kept = std::move(chosen);
  }
  int64_t left_out = 0;
  for (auto& image : dataset.images)
    left_out += static_cast<int64_t>(std::erase_if(image.objects, [&](Object& object) {
      const auto& name = names[object.label - 1].name;
      const auto found =
          std::find_if(kept.begin(), kept.end(), [&](const Category& c) { return c.name == name; });
      object.label = found - kept.begin() + 1;
      return found == kept.end();
    }));
  if (left_out > 0)
    notes.push_back(std::to_string(left_out) + " objects of other classes are left out");
  dataset.categories = std::move(kept);
}

}  // namespace lanner::datasets
