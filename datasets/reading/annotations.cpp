#include "lanner/datasets/reading/annotations.h"

#include <algorithm>
#include <map>
#include <set>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/parallel.h"
#include "lanner/datasets/reading/text_lines.h"

namespace lanner::datasets {
namespace {

// Reads the size of the image and drops objects without a name or a valid box.
void complete(AnnotatedImage& annotated, const Annotations& format) {
  auto& image = annotated.image;
  if (image.width <= 0 || image.height <= 0) {
    try {
      const auto size = image_size(image.path);
      image.width = size.width, image.height = size.height;
    } catch (const Error& error) {
      annotated.issues.push_back(issue_from(error, image.path.string()));
      annotated.objects.clear();
    }
  }
  std::erase_if(annotated.objects, [&](NamedObject& named) {
    auto& box = named.object.box;
    named.name = trimmed(named.name);
    if (named.name.empty()) {
      annotated.issues.push_back(
          {annotated.file, named.where + format.name_field, "the class has no name"});
      return true;
    }
    const std::string where = named.where + format.box_field;
    if (format.fractions) {
      if (std::max({box.x1, box.y1, box.x2, box.y2}) > 2) {
        annotated.issues.push_back(
            {annotated.file, where,
             "expected fractions of the image's sides, got pixels: " + describe(box)});
        return true;
      }
      box = {box.x1 * image.width, box.y1 * image.height, box.x2 * image.width,
             box.y2 * image.height};
    }
    if (!clip_to_image(named.object, image, annotated.file, where, annotated.issues)) return true;
    named.object.area = box.area();
    return false;
  });
}

// The label of each name.
std::map<std::string, int64_t> labels_of(const std::vector<Category>& categories) {
  std::map<std::string, int64_t> labels;
  for (size_t i = 0; i < categories.size(); ++i)
    labels.emplace(categories[i].name, static_cast<int64_t>(i) + 1);
  return labels;
}

std::vector<Category> named_categories(const std::vector<AnnotatedImage>& images) {
  std::map<std::string, int64_t> names;
  for (const auto& annotated : images)
    for (const auto& named : annotated.objects) names.emplace(named.name, 0);
  std::vector<Category> categories;
  for (const auto& [name, unused] : names)
    categories.push_back({static_cast<int64_t>(categories.size()) + 1, name});
  return categories;
}

}  // namespace

Box bounding_box(const std::vector<double>& points) {
  if (points.size() < 4) return {};
  Box box{points[0], points[1], points[0], points[1]};
  for (size_t i = 2; i + 1 < points.size(); i += 2)
    box = {std::min(box.x1, points[i]), std::min(box.y1, points[i + 1]),
           std::max(box.x2, points[i]), std::max(box.y2, points[i + 1])};
  return box;
}

Dataset to_dataset(Annotations annotations, const std::vector<Category>* known, Issues& issues) {
  auto& images = annotations.images;
  parallel_for(images.size(), [&](size_t i) { complete(images[i], annotations); });

  Dataset dataset;
  dataset.notes = std::move(annotations.notes);
  if (annotations.polygons > 0)
    dataset.notes.push_back(std::to_string(annotations.polygons) +
                            " objects are polygons: their bounding boxes are used");
  dataset.categories = known                            ? *known
                       : annotations.categories.empty() ? named_categories(images)
                                                        : annotations.categories;
  std::set<std::string> names;
  for (const auto& category : annotations.categories)
    if (!category.name.empty() && !names.insert(category.name).second)
      dataset.notes.push_back("two classes are called \"" + category.name + "\": they are one");
  const auto labels = labels_of(dataset.categories);
  for (auto& annotated : images) {
    issues.insert(issues.end(), annotated.issues.begin(), annotated.issues.end());
    auto& image = annotated.image;
    image.id = static_cast<int64_t>(dataset.images.size()) + 1;
    for (auto& named : annotated.objects) {
      const auto found = labels.find(named.name);
      if (found == labels.end()) {
        issues.push_back({annotated.file, named.where + annotations.name_field,
                          "unknown category \"" + named.name +
                              "\": not among the classes of the model or training set"});
        continue;
      }
      named.object.label = found->second;
      image.objects.push_back(named.object);
    }
    dataset.images.push_back(std::move(image));
  }
  return dataset;
}

}  // namespace lanner::datasets
