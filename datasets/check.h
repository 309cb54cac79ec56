#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lanner/datasets/box_statistics.h"
#include "lanner/datasets/dataset.h"
#include "lanner/datasets/options.h"

namespace lanner::datasets {

struct CheckOptions {
  std::string data{};                  // DATA[:SPLIT]
  std::filesystem::path image_root{};  // for COCO files whose images are elsewhere
  std::vector<std::string> against{};  // other splits, DATA[:SPLIT], that must not share images
  bool images = true;                  // read image files; else annotations alone
  ResizeOptions resize{};              // what anchors are suggested for
  std::filesystem::path show{};        // a folder for pictures; empty: none
  bool show_augmented = false;         // in `show` too: images as training sees them
  AugmentOptions augment{};            // for that
  std::filesystem::path json{};        // where the report goes as JSON; empty: nowhere
};

struct CheckReport {
  int64_t images = 0, objects = 0, images_without_objects = 0;
  std::vector<std::pair<std::string, int64_t>> objects_of;  // by category, in the data's order
  BoxStatistics boxes;
  Faults faults;        // of annotations and of images
  bool usable() const;  // no fault that lanner cannot mend
};

// Reads all annotations and, on all cores, every image. Draws `show`/contact_sheet.png, of images
// with their boxes, `show`/boxes.png, their sizes and shapes, and `show`/augmented.png.
CheckReport check_data(const CheckOptions& options);

std::string to_text(const CheckReport& report);
std::string to_json(const CheckReport& report);

}  // namespace lanner::datasets
