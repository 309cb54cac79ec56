#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"
#include "lanner/datasets/fields.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// Options of `lanner convert-data`.
struct ConvertOptions {
  std::string data{};
  std::filesystem::path out{};
  std::string to = "coco";
  std::vector<double> split{};
  int64_t seed = 1;
  std::vector<std::string> classes{}, merge{};
  bool link = false;
  std::filesystem::path image_root{};

  void check() const;  // throws usage_error
  static void visit(auto& o, auto&& field) {
    field(o.data, {.name = "data",
                   .help = "DATA[:SPLIT] to convert: folder or file of any format in docs/data.md; "
                           "without SPLIT, its splits train, val and test",
                   .required = true});
    field(o.out,
          {.name = "out", .help = "folder to write; must be new or empty", .required = true});
    field(o.to, {.name = "to", .help = "format to write", .choices = {"coco", "voc", "yolo"}});
    field(o.split, {.name = "split",
                    .help = "divide all images anew: the shares of train, val and test, such as "
                            "80,10,10; augmented copies of a photo and frames of a film stay "
                            "together"});
    field(o.seed, {.name = "seed", .help = "random seed of --split", .limits = at_least(0)});
    field(o.classes, {.name = "classes",
                      .help = "keep only these classes, in this order (separated by commas)"});
    field(o.merge, {.name = "merge",
                    .help = "OLD=NEW: gives objects of class OLD the class NEW; several words"});
    field(o.link,
          {.name = "link", .help = "link to the images (symbolic links) instead of copying them"});
    field(o.image_root,
          {.name = "image_root", .help = "folder of a COCO file's images, if not beside it"});
  }
};

// One split of a converted data set.
struct ConvertedSplit {
  std::string name;  // train, val or test
  int64_t images = 0, objects = 0;
};
struct ConvertReport {
  std::vector<ConvertedSplit> splits;
  std::vector<std::string> notes;  // what was left out or changed; not those of open_dataset
};

// Reads a data set of any format and writes it as
//   coco  OUT/annotations/instances_SPLIT.json, OUT/SPLIT
//   voc   OUT/Annotations, OUT/JPEGImages, OUT/ImageSets/Main/SPLIT.txt
//   yolo  OUT/data.yaml, OUT/images/SPLIT, OUT/labels/SPLIT
// with copies of the images. Images of one name get names of their own. Throws the errors of
// open_dataset; usage_error if `out` is not empty or a class does not exist; and io_error.
LANNER_API ConvertReport convert_data(const ConvertOptions& options);

}  // namespace lanner::datasets
