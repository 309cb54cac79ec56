#pragma once

#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// A box as COCO stores it, in pixels. It is not converted, so that evaluation is exact.
struct CocoBox {
  double x = 0, y = 0, width = 0, height = 0;
};

struct CocoAnnotation {
  int64_t id = 0, image_id = 0, category_id = 0;
  CocoBox bbox;
  double area = 0;
  bool crowd = false;
  bool difficult = false;  // from VOC; ignored by COCO's metrics
};

struct CocoImage {
  int64_t id = 0;
  std::string file_name;
  int width = 0, height = 0;
  std::string text_id{};  // as in ImageRecord
};

struct CocoFile {
  std::vector<CocoImage> images;
  std::vector<CocoAnnotation> annotations;
  std::vector<Category> categories;
};

// A detection in COCO's results format.
struct CocoDetection {
  int64_t image_id = 0, category_id = 0;
  CocoBox bbox;
  double score = 0;
};

// Reads an instances file. Image ids may be text. Invalid JSON and missing or malformed fields are
// appended to `issues`; the entries that contain them are skipped, but for images whose only fault
// is their file_name: evaluation needs none. Throws missing_file and io_error.
LANNER_API CocoFile read_coco(const std::filesystem::path& file, Issues& issues);

// Categories, sorted by id, become labels 1..C; with `known`, labels are positions in that list
// plus one, matched by name. Images are searched in `image_root` if it is given, and otherwise
// beside the file, above it, and in folders named after it (`val` for `instances_val.json`). Sizes
// that the file does not give are read from the images.
Dataset to_dataset(const CocoFile& coco, const std::filesystem::path& file,
                   const std::filesystem::path& image_root, const std::vector<Category>* known,
                   Issues& issues);

// Adds an image under this name, and its objects as annotations of the next ids.
void add_image(CocoFile& coco, const ImageRecord& image, const std::string& file_name);

// Converts a data set to COCO annotations with ids from 1, as evaluation requires.
LANNER_API CocoFile to_coco(const Dataset& dataset);

// Throws io_error, and bad_data for a name that is not UTF-8, which JSON cannot hold.
LANNER_API void write_coco(const std::filesystem::path& file, const CocoFile& coco);

// Results files: a list of {image_id, category_id, bbox, score}; ids are written as `truth` has
// them. Reading throws missing_file, io_error and bad_data; writing throws io_error.
LANNER_API std::vector<CocoDetection> read_detections(const std::filesystem::path& file);
LANNER_API void write_detections(const std::filesystem::path& file, const CocoFile& truth,
                                 const std::vector<CocoDetection>& detections);

}  // namespace lanner::datasets
