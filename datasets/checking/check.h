#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lanner/datasets/checking/box_statistics.h"
#include "lanner/datasets/checking/data_summary.h"
#include "lanner/datasets/dataset.h"
#include "lanner/datasets/images/augment_options.h"
#include "lanner/datasets/options.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// Options of `lanner check-data`.
struct CheckOptions {
  std::string data{};
  std::string split{};
  std::filesystem::path image_root{};
  std::vector<std::string> against{};
  bool annotations_only = false;
  ResizeOptions resize{};
  std::filesystem::path show{};
  bool show_augmented = false;
  AugmentOptions augment{};
  std::filesystem::path json{};

  // DATA or DATA:SPLIT.
  std::string source() const { return split.empty() ? data : data + ":" + split; }
  void check() const;  // throws usage_error
  static void visit(auto& o, auto&& field) {
    field(o.data, {.name = "data",
                   .help = "DATA[:SPLIT]: folder or file of any format in docs/data.md",
                   .required = true});
    field(o.split, {.name = "split", .help = "split of the data set; the same as :SPLIT"});
    field(o.image_root,
          {.name = "image_root", .help = "folder of a COCO file's images, if not beside it"});
    field(o.against,
          {.name = "against",
           .help = "other splits, DATA[:SPLIT], that must not share images with this one"});
    field(o.annotations_only, {.name = "annotations_only", .help = "do not read the image files"});
    field(o.json, {.name = "json", .help = "file for the full report"});
    field(o.show, {.name = "show",
                   .help = "folder for images drawn with their boxes and "
                           "for histograms of box sizes"});
    field(o.show_augmented, {.name = "show_augmented",
                             .help = "also draw augmented training images; requires --show"});
    field(o.resize, {.name = "resize", .help = "image size for which anchors are suggested"});
    field(o.augment, {.help = "augmentation shown by --show-augmented"});
  }
};

struct CheckReport {
  int64_t images = 0, objects = 0, images_without_objects = 0;
  std::vector<std::pair<std::string, int64_t>>
      objects_per_class;  // per category, in data set order
  BoxStatistics boxes;
  DataSummary summary;             // only where the data are usable and images were read
  Issues issues;                   // of annotations and images
  std::vector<std::string> notes;  // of Dataset
  LANNER_API bool usable() const;  // there are images and no rejected issues
};

// Reads all annotations and images, using all cores. With `show`, writes `show`/contact_sheet.png
// (images with their boxes), `show`/boxes.png (histograms of box sizes and aspect ratios) and, if
// requested, `show`/augmented.png. Throws the errors of read_dataset, usage_error and io_error.
LANNER_API CheckReport check_data(const CheckOptions& options);

LANNER_API std::string to_text(const CheckReport& report);
LANNER_API std::string to_json(const CheckReport& report);

}  // namespace lanner::datasets
