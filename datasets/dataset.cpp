#include "lanner/datasets/dataset.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <sstream>

#include "lanner/datasets/coco.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/voc.h"

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

}  // namespace

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

Dataset read_dataset(const std::string& data, const fs::path& image_root,
                     const std::vector<Category>* known, Faults& faults) {
  const auto [path, split] = separate_split(data);
  if (fs::is_directory(path)) {
    if (!fs::is_directory(path / "Annotations"))
      throw missing_file(path.string() +
                         ": no Annotations folder: expected a VOC folder (JPEGImages, Annotations, "
                         "ImageSets/Main) or a COCO .json file");
    return read_voc(path, split, known, faults);
  }
  if (!split.empty())
    throw usage_error(data + ": a COCO file has no splits, got \":" + split + "\"");
  return to_dataset(read_coco(path, faults), path, image_root, known, faults);
}

Dataset open_dataset(const std::string& data, const fs::path& image_root,
                     const std::vector<Category>* known) {
  Faults faults;
  Dataset dataset = read_dataset(data, image_root, known, faults);
  const auto refused = std::find_if(faults.begin(), faults.end(), [](const Fault& fault) {
    return fault.action == Fault::Action::refuse;
  });
  if (refused != faults.end()) {
    const auto more = std::count_if(refused + 1, faults.end(), [](const Fault& fault) {
      return fault.action == Fault::Action::refuse;
    });
    throw bad_data(refused->text() +
                   (more ? " (and " + std::to_string(more) + " more; see lanner check-data)" : ""));
  }
  for (size_t i = 0; i < faults.size() && i < 5; ++i)
    std::cerr << "warning: " << faults[i].text() << ": "
              << (faults[i].action == Fault::Action::clip ? "clipped" : "dropped") << "\n";
  if (faults.size() > 5)
    std::cerr << "warning: " << faults.size() - 5 << " more such boxes; see lanner check-data\n";
  if (dataset.images.empty()) throw bad_data(data + ": holds no images");
  return dataset;
}

}  // namespace lanner::datasets
