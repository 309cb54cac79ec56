#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lanner/datasets/error.h"

namespace lanner::datasets {

// Absolute pixels, width = x2 - x1 (no "+1").
struct Box {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  double width() const { return x2 - x1; }
  double height() const { return y2 - y1; }
  double area() const { return width() * height(); }
};

// What two boxes share; without area where they share nothing.
Box intersection(const Box& a, const Box& b);
double iou(const Box& a, const Box& b);

struct Object {
  Box box;
  int64_t label = 0;       // 1..C: the position of its category in Dataset::categories, plus one
  double area = 0;         // the annotation's own area (COCO: of the mask), pixels squared
  bool crowd = false;      // COCO's iscrowd
  bool difficult = false;  // VOC's difficult
};

struct ImageRecord {
  int64_t id = 0;
  std::filesystem::path path;
  int width = 0, height = 0;  // as annotated; 0 where the annotation has none
  std::vector<Object> objects;
};

// The data set's own id and name; they travel in checkpoints and come back in every output.
struct Category {
  int64_t id = 0;
  std::string name;
};

struct Dataset {
  std::vector<Category> categories;
  std::vector<ImageRecord> images;
};

// A fault in a data set, and what lanner does about it.
struct Fault {
  enum class Action { refuse, clip, drop, renumber, keep };
  std::string file, field, message;
  Action action = Action::refuse;

  std::string text() const { return file + ": " + field + ": " + message; }
  const char* outcome() const;  // "refused", "clipped", ..
};
using Faults = std::vector<Fault>;

// The fault that an error about `file` tells of: its text is `file: field: message`.
Fault fault_of(const Error& error, const std::string& file);

// Throws bad_data for the first fault that cannot be mended and warns of the rest on stderr.
void refuse(const Faults& faults);

// Whether a path of a data set's file would lead out of the data set.
bool leaves_its_folder(const std::filesystem::path& path);

// Cuts the object's box to the image and reports it; false where nothing of it is left. `where` is
// the box's field, such as object[2].bndbox.
bool clip_to_image(Object& object, const ImageRecord& image, const std::string& file,
                   const std::string& where, Faults& faults);

// DATA[:SPLIT]: a VOC folder (its split, `trainval` or all annotations by default), a YOLO folder
// or a COCO JSON, told apart by looking; or several, with commas between them, joined. `image_root`
// is where a COCO file's images are, if neither beside it nor above it. With `known`, labels are
// positions in that list (names must match), else in the file's own. Every fault of the annotations
// is appended to `faults`; only a missing file throws.
Dataset read_dataset(const std::string& data, const std::filesystem::path& image_root,
                     const std::vector<Category>* known, Faults& faults);

// As read_dataset, and refuse(). Throws as well where there is no image.
Dataset open_dataset(const std::string& data, const std::filesystem::path& image_root = {},
                     const std::vector<Category>* known = nullptr);

}  // namespace lanner::datasets
