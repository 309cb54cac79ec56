#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

struct CheckOptions {
  std::string data;                  // DATA[:SPLIT]
  std::filesystem::path image_root;  // for COCO files whose images are elsewhere
  std::filesystem::path show;        // a folder for a contact sheet; empty: none
};

struct CheckReport {
  int64_t images = 0, objects = 0, images_without_objects = 0;
  std::map<std::string, int64_t> objects_of;  // by category name
  Faults faults;                              // of annotations and of images
  bool usable() const;                        // no fault that lanner cannot mend
};

// Reads all annotations and decodes every image. Draws `show`/contact_sheet.png of the first
// images.
CheckReport check_data(const CheckOptions& options);

std::string to_text(const CheckReport& report);

}  // namespace lanner::datasets
