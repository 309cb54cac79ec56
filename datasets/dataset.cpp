#include "lanner/datasets/dataset.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <sstream>

#include "lanner/datasets/coco.h"
#include "lanner/datasets/joined.h"
#include "lanner/datasets/voc.h"
#include "lanner/datasets/yolo.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

std::string describe(const Box& box) {
  std::ostringstream text;
  text << "[" << box.x1 << ", " << box.y1 << ", " << box.x2 << ", " << box.y2 << "]";
  return text.str();
}

// DATA itself may hold a colon; the split is what follows the last one of a path that exists.
std::pair<fs::path, std::string> separate_split(const std::string& data) {
  if (fs::exists(data)) return {data, ""};
  const auto colon = data.rfind(':');
  if (colon != std::string::npos && fs::exists(data.substr(0, colon)))
    return {data.substr(0, colon), data.substr(colon + 1)};
  throw missing_file(data + ": no such file or folder");
}

// What commas separate, unless a path itself holds the comma.
std::vector<std::string> parts_of(const std::string& data) {
  std::vector<std::string> parts;
  std::istringstream text(data);
  for (std::string part; std::getline(text, part, ',');) parts.push_back(part);
  if (parts.size() < 2 || fs::exists(data) || fs::exists(data.substr(0, data.rfind(':'))))
    return {data};
  return parts;
}

// Boxes that stand twice, of the same category, teach the same object twice.
void drop_doubled(Dataset& dataset, Faults& faults) {
  for (auto& image : dataset.images) {
    std::vector<Object> kept;
    for (const auto& object : image.objects) {
      const bool doubled = std::any_of(kept.begin(), kept.end(), [&](const Object& other) {
        return other.label == object.label && other.crowd == object.crowd &&
               other.box.x1 == object.box.x1 && other.box.y1 == object.box.y1 &&
               other.box.x2 == object.box.x2 && other.box.y2 == object.box.y2;
      });
      if (doubled)
        faults.push_back({image.path.string(), "box",
                          "given twice: " + dataset.categories[object.label - 1].name + " " +
                              describe(object.box),
                          Fault::Action::drop});
      else
        kept.push_back(object);
    }
    image.objects = std::move(kept);
  }
}

Dataset read_annotations(const std::string& data, const fs::path& image_root,
                         const std::vector<Category>* known, Faults& faults) {
  const auto [path, split] = separate_split(data);
  if (fs::is_directory(path)) {
    if (const auto yolo = find_yolo(path, split); yolo && !fs::is_directory(path / "Annotations"))
      return read_yolo(path, *yolo, known, faults);
    if (const auto voc = find_voc(path, split)) return read_voc(*voc, known, faults);
    throw missing_file((split.empty() ? path : path / split).string() +
                       ": no Annotations folder: expected a VOC folder (JPEGImages, Annotations, "
                       "ImageSets/Main), .xml files beside their images, a YOLO folder (images, "
                       "labels) or a COCO .json file");
  }
  if (!split.empty())
    throw usage_error(data + ": a COCO file has no splits, got \":" + split + "\"");
  return to_dataset(read_coco(path, faults), path, image_root, known, faults);
}

}  // namespace

bool leaves_its_folder(const fs::path& path) {
  return path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end();
}

bool clip_to_image(Object& object, const ImageRecord& image, const std::string& file,
                   const std::string& where, Faults& faults) {
  Box& box = object.box;
  if (!std::isfinite(box.x1 + box.y1 + box.x2 + box.y2)) {
    faults.push_back({file, where, "expected finite numbers, got " + describe(box)});
    return false;
  }
  if (box.x2 <= box.x1 || box.y2 <= box.y1) {
    faults.push_back({file, where, "a box without area: " + describe(box), Fault::Action::drop});
    return false;
  }
  if (image.width <= 0 || image.height <= 0) return true;
  const Box before = box;
  box = {std::clamp<double>(box.x1, 0, image.width), std::clamp<double>(box.y1, 0, image.height),
         std::clamp<double>(box.x2, 0, image.width), std::clamp<double>(box.y2, 0, image.height)};
  const bool left = box.x2 > box.x1 && box.y2 > box.y1;
  // A pixel beyond the edge is how people round; more is worth a word.
  const double beyond =
      std::max({box.x1 - before.x1, box.y1 - before.y1, before.x2 - box.x2, before.y2 - box.y2});
  if (beyond > 1 || !left)
    faults.push_back({file, where,
                      "reaches outside the image of " + std::to_string(image.width) + " x " +
                          std::to_string(image.height) + ": " + describe(before),
                      left ? Fault::Action::clip : Fault::Action::drop});
  return left;
}

Box intersection(const Box& a, const Box& b) {
  const Box both{std::max(a.x1, b.x1), std::max(a.y1, b.y1), std::min(a.x2, b.x2),
                 std::min(a.y2, b.y2)};
  return both.x2 > both.x1 && both.y2 > both.y1 ? both : Box{};
}

double iou(const Box& a, const Box& b) {
  const double both = intersection(a, b).area();
  return both / (a.area() + b.area() - both);
}

Fault fault_of(const Error& error, const std::string& file) {
  const std::string text = error.what(), name = file + ": ";
  const auto message = text.starts_with(name) ? text.substr(name.size()) : text;
  const auto colon = message.find(": ");
  if (colon == std::string::npos) return {file, "image", message};
  return {file, message.substr(0, colon), message.substr(colon + 2)};
}

const char* Fault::outcome() const {
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
      return "refused";
  }
}

void refuse(const Faults& faults) {
  constexpr std::ptrdiff_t kShown = 5;
  std::ptrdiff_t refused = 0, mended = 0;
  const Fault* first = nullptr;
  for (const auto& fault : faults)
    if (fault.action == Fault::Action::refuse && refused++ == 0) first = &fault;
  if (first)
    throw bad_data(first->text() + (refused > 1 ? " (and " + std::to_string(refused - 1) +
                                                      " more; see lanner check-data)"
                                                : ""));
  for (const auto& fault : faults)
    if (mended++ < kShown)
      std::cerr << "warning: " << fault.text() << ": " << fault.outcome() << "\n";
  if (mended > kShown)
    std::cerr << "warning: " << mended - kShown << " more such faults; see lanner check-data\n";
}

Dataset read_dataset(const std::string& data, const fs::path& image_root,
                     const std::vector<Category>* known, Faults& faults) {
  std::vector<Dataset> parts;
  for (const auto& part : parts_of(data))
    parts.push_back(read_annotations(part, image_root, known, faults));
  Dataset dataset = parts.size() == 1 ? std::move(parts[0]) : joined(std::move(parts));
  drop_doubled(dataset, faults);
  return dataset;
}

Dataset open_dataset(const std::string& data, const fs::path& image_root,
                     const std::vector<Category>* known) {
  Faults faults;
  Dataset dataset = read_dataset(data, image_root, known, faults);
  refuse(faults);
  if (dataset.images.empty()) throw bad_data(data + ": holds no images");
  return dataset;
}

}  // namespace lanner::datasets
