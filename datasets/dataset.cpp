#include "lanner/datasets/dataset.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <sstream>

#include "lanner/datasets/reading/joined.h"
#include "lanner/datasets/reading/read_data.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

// DATA may contain colons itself, so the part before the last colon must be an existing path.
std::pair<fs::path, std::string> separate_split(const std::string& data) {
  if (fs::exists(data)) return {data, ""};
  const auto colon = data.rfind(':');
  if (colon != std::string::npos && fs::exists(data.substr(0, colon)))
    return {data.substr(0, colon), data.substr(colon + 1)};
  throw missing_file(data + ": no such file or folder");
}

// Splits at commas, unless an existing path contains the comma.
std::vector<std::string> split_at_commas(const std::string& data) {
  std::vector<std::string> parts;
  std::istringstream text(data);
  for (std::string part; std::getline(text, part, ',');) parts.push_back(part);
  if (parts.size() < 2 || fs::exists(data) || fs::exists(data.substr(0, data.rfind(':'))))
    return {data};
  return parts;
}

// A box that is annotated twice with the same category would be trained on twice.
void drop_repeated_boxes(Dataset& dataset, Issues& issues) {
  for (auto& image : dataset.images) {
    std::vector<Object> unique;
    for (const auto& object : image.objects) {
      const bool repeated = std::any_of(unique.begin(), unique.end(), [&](const Object& other) {
        return other.label == object.label && other.crowd == object.crowd &&
               other.box.x1 == object.box.x1 && other.box.y1 == object.box.y1 &&
               other.box.x2 == object.box.x2 && other.box.y2 == object.box.y2;
      });
      if (repeated)
        issues.push_back({image.path.string(), "box",
                          "annotated twice: " + dataset.categories[object.label - 1].name + " " +
                              describe(object.box),
                          Issue::Action::drop});
      else
        unique.push_back(object);
    }
    image.objects = std::move(unique);
  }
}

// Classes that no image shows are often a mistake: a heading, or a split that lacks them.
void note_missing_classes(Dataset& dataset) {
  constexpr size_t kNamed = 10;
  std::vector<int64_t> counts(dataset.categories.size());
  for (const auto& image : dataset.images)
    for (const auto& object : image.objects) ++counts[object.label - 1];
  std::string names;
  size_t missing = 0;
  for (size_t i = 0; i < counts.size(); ++i)
    if (counts[i] == 0 && missing++ < kNamed)
      names += (names.empty() ? "" : ", ") + dataset.categories[i].name;
  if (missing > kNamed) names += " and " + std::to_string(missing - kNamed) + " more";
  if (missing > 0) dataset.notes.push_back("no objects of the class: " + names);
}

}  // namespace

std::string describe(const Box& box) {
  std::ostringstream text;
  text << "[" << box.x1 << ", " << box.y1 << ", " << box.x2 << ", " << box.y2 << "]";
  return text.str();
}

bool escapes_folder(const fs::path& path) {
  return path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end();
}

bool clip_to_image(Object& object, const ImageRecord& image, const std::string& file,
                   const std::string& where, Issues& issues) {
  Box& box = object.box;
  if (!std::isfinite(box.x1 + box.y1 + box.x2 + box.y2)) {
    issues.push_back({file, where, "expected finite numbers, got " + describe(box)});
    return false;
  }
  if (box.x2 <= box.x1 || box.y2 <= box.y1) {
    issues.push_back({file, where, "box without area: " + describe(box), Issue::Action::drop});
    return false;
  }
  if (image.width <= 0 || image.height <= 0) return true;
  const Box before = box;
  box = {std::clamp<double>(box.x1, 0, image.width), std::clamp<double>(box.y1, 0, image.height),
         std::clamp<double>(box.x2, 0, image.width), std::clamp<double>(box.y2, 0, image.height)};
  const bool visible = box.x2 > box.x1 && box.y2 > box.y1;
  // Rounding often places a box up to one pixel outside; only more than that is reported.
  const double excess =
      std::max({box.x1 - before.x1, box.y1 - before.y1, before.x2 - box.x2, before.y2 - box.y2});
  if (excess > 1 || !visible)
    issues.push_back({file, where,
                      "extends outside the image of " + std::to_string(image.width) + " x " +
                          std::to_string(image.height) + ": " + describe(before),
                      visible ? Issue::Action::clip : Issue::Action::drop});
  return visible;
}

Box intersection(const Box& a, const Box& b) {
  const Box result{std::max(a.x1, b.x1), std::max(a.y1, b.y1), std::min(a.x2, b.x2),
                   std::min(a.y2, b.y2)};
  return result.x2 > result.x1 && result.y2 > result.y1 ? result : Box{};
}

double iou(const Box& a, const Box& b) {
  const double overlap = intersection(a, b).area();
  return overlap / (a.area() + b.area() - overlap);
}

Issue issue_from(const Error& error, const std::string& file) {
  const std::string text = error.what(), name = file + ": ";
  const auto message = text.starts_with(name) ? text.substr(name.size()) : text;
  const auto colon = message.find(": ");
  if (colon == std::string::npos) return {file, "image", message};
  return {file, message.substr(0, colon), message.substr(colon + 2)};
}

const char* Issue::outcome() const {
  switch (action) {
    case Action::clip:
      return "clipped";
    case Action::drop:
      return "dropped";
    case Action::renumber:
      return "renumbered";
    case Action::keep:
      return "kept";
    default:
      return "rejected";
  }
}

void throw_if_rejected(const Issues& issues) {
  constexpr std::ptrdiff_t kPrinted = 5;
  std::ptrdiff_t rejected = 0, fixed = 0;
  const Issue* first = nullptr;
  for (const auto& issue : issues)
    if (issue.action == Issue::Action::reject && rejected++ == 0) first = &issue;
  if (first)
    throw bad_data(first->text() + (rejected > 1 ? " (and " + std::to_string(rejected - 1) +
                                                       " more; see lanner check-data)"
                                                 : ""));
  for (const auto& issue : issues)
    if (fixed++ < kPrinted)
      std::cerr << "warning: " << issue.text() << ": " << issue.outcome() << "\n";
  if (fixed > kPrinted)
    std::cerr << "warning: " << fixed - kPrinted << " more such issues; see lanner check-data\n";
}

Dataset read_dataset(const std::string& data, const fs::path& image_root,
                     const std::vector<Category>* known, Issues& issues) {
  std::vector<Dataset> parts;
  for (const auto& part : split_at_commas(data)) {
    const auto [path, split] = separate_split(part);
    parts.push_back(read_data(path, split, image_root, known, issues));
  }
  Dataset dataset = parts.size() == 1 ? std::move(parts[0]) : joined(std::move(parts));
  drop_repeated_boxes(dataset, issues);
  note_missing_classes(dataset);
  return dataset;
}

Dataset open_dataset(const std::string& data, const fs::path& image_root,
                     const std::vector<Category>* known) {
  Issues issues;
  Dataset dataset = read_dataset(data, image_root, known, issues);
  throw_if_rejected(issues);
  for (const auto& note : dataset.notes) std::cerr << "note: " << note << "\n";
  if (dataset.images.empty()) throw bad_data(data + ": holds no images");
  return dataset;
}

bool has_objects(const Dataset& dataset) {
  return std::any_of(dataset.images.begin(), dataset.images.end(), [](const auto& image) {
    return std::any_of(image.objects.begin(), image.objects.end(),
                       [](const auto& object) { return !object.crowd; });
  });
}

Dataset evenly_spaced(const Dataset& dataset, size_t max_images) {
  Dataset part{dataset.categories, {}, {}};
  for (size_t i = 0; i < dataset.images.size(); i += dataset.images.size() / max_images + 1)
    part.images.push_back(dataset.images[i]);
  return part;
}

}  // namespace lanner::datasets
