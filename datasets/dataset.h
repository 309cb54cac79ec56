#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lanner/datasets/error.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// Corners in pixels, not fractions of the image. The width is x2 - x1, without "+1".
struct Box {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  double width() const { return x2 - x1; }
  double height() const { return y2 - y1; }
  double area() const { return width() * height(); }
};

// The intersection of two boxes; a box without area if they do not overlap.
LANNER_API Box intersection(const Box& a, const Box& b);
LANNER_API double iou(const Box& a, const Box& b);

// "[x1, y1, x2, y2]", for messages.
std::string describe(const Box& box);

struct Object {
  Box box;
  int64_t label = 0;       // 1..C: one more than the index in Dataset::categories
  double area = 0;         // annotated area in square pixels (COCO: area of the mask)
  bool crowd = false;      // COCO's iscrowd
  bool difficult = false;  // VOC's difficult
};

struct ImageRecord {
  int64_t id = 0;
  std::filesystem::path path;
  int width = 0, height = 0;  // as annotated; 0 if not annotated
  std::vector<Object> objects{};
  std::string text_id{};  // the id in the data set's file, where that is no integer
};

// Id and name as in the data set. They are stored in checkpoints and used in all outputs.
struct Category {
  int64_t id = 0;
  std::string name;
};

struct Dataset {
  std::vector<Category> categories;
  std::vector<ImageRecord> images;
  std::vector<std::string> notes{};  // what else a reader says about the data, as sentences
};

// A problem in a data set and how lanner handles it.
struct Issue {
  enum class Action { reject, clip, drop, renumber, keep };
  std::string file, field, message;
  Action action = Action::reject;

  std::string text() const { return file + ": " + field + ": " + message; }
  const char* outcome() const;  // "rejected", "clipped" and so on
};
using Issues = std::vector<Issue>;

// Converts an error whose text is `file: field: message` to an issue.
LANNER_API Issue issue_from(const Error& error, const std::string& file);

// Throws bad_data for the first rejected issue. If there is none, prints the issues to stderr as
// warnings.
LANNER_API void throw_if_rejected(const Issues& issues);

// Whether a path in a data set is absolute or contains "..", so that it may leave the data set.
LANNER_API bool escapes_folder(const std::filesystem::path& path);

// Clips the object's box to the image. Appends an issue if the box is invalid, has no area after
// clipping, or changed by more than a pixel; returns false in the first two cases. `where` is the
// field of the box, such as object[2].bndbox.
LANNER_API bool clip_to_image(Object& object, const ImageRecord& image, const std::string& file,
                              const std::string& where, Issues& issues);

// Reads DATA[:SPLIT], a folder or file of any format in docs/data.md; the format is detected.
// Several data sets separated by commas are joined. `image_root` is the image folder of a COCO file
// if it is neither beside nor above the file. With `known`, labels refer to that list, and
// categories are matched by name; otherwise, labels refer to the categories of the data set.
// Problems in annotations are appended to `issues`. Throws missing_file for missing files, folders
// and splits, io_error, usage_error for a split of a file that has none, and bad_data if a file
// cannot be read at all.
LANNER_API Dataset read_dataset(const std::string& data, const std::filesystem::path& image_root,
                                const std::vector<Category>* known, Issues& issues);

// Calls read_dataset and throw_if_rejected. Also throws bad_data if there are no images.
LANNER_API Dataset open_dataset(const std::string& data,
                                const std::filesystem::path& image_root = {},
                                const std::vector<Category>* known = nullptr);

LANNER_API bool has_objects(const Dataset& dataset);

// At most `max_images` images of a data set, evenly spaced in its order.
LANNER_API Dataset evenly_spaced(const Dataset& dataset, size_t max_images);

}  // namespace lanner::datasets
