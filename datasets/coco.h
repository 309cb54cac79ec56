#pragma once

#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

// COCO's box: x, y, width, height in pixels, kept as written so that evaluation is exact.
struct CocoBox {
  double x = 0, y = 0, width = 0, height = 0;
};

struct CocoAnnotation {
  int64_t id = 0, image_id = 0, category_id = 0;
  CocoBox bbox;
  double area = 0;
  bool crowd = false;
  bool difficult = false;  // from VOC; COCO's measures do not look at it
};

struct CocoImage {
  int64_t id = 0;
  std::string file_name;
  int width = 0, height = 0;
};

struct CocoFile {
  std::vector<CocoImage> images;
  std::vector<CocoAnnotation> annotations;
  std::vector<Category> categories;
};

// A detection in COCO's results form.
struct CocoDetection {
  int64_t image_id = 0, category_id = 0;
  CocoBox bbox;
  double score = 0;
};

// Reads an instances file. A file that is not JSON, and every field that is missing or misshapen,
// is a fault; entries with such a fault are left out.
CocoFile read_coco(const std::filesystem::path& file, Faults& faults);

// Categories in order of id become labels 1..C. Images are looked for in `image_root`, or beside
// the file, above it, and in folders named after it (`instances_val.json`: `val`).
Dataset to_dataset(const CocoFile& coco, const std::filesystem::path& file,
                   const std::filesystem::path& image_root, const std::vector<Category>* known,
                   Faults& faults);

// A data set as COCO annotations, with ids from 1: what evaluation compares with.
CocoFile to_coco(const Dataset& dataset);

void write_coco(const std::filesystem::path& file, const CocoFile& coco);

// A results file: a list of {image_id, category_id, bbox, score}. Reading throws bad_data.
std::vector<CocoDetection> read_detections(const std::filesystem::path& file);
void write_detections(const std::filesystem::path& file,
                      const std::vector<CocoDetection>& detections);

// Writes a file whole or not at all: beside its place first, then renamed. Throws io_error.
void write_file(const std::filesystem::path& file, const std::string& content);

}  // namespace lanner::datasets
