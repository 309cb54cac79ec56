#pragma once

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

// An object whose class is known by name. `where` is its field in the annotation file, such as
// object[2].
struct NamedObject {
  std::string name;
  Object object;
  std::string where;
};

// What an annotation file says about one image. An image of unknown size has width 0.
struct AnnotatedImage {
  ImageRecord image;
  std::string file;
  std::vector<NamedObject> objects;
  Issues issues;
};

// The images of a data set as a reader finds them.
struct Annotations {
  std::vector<AnnotatedImage> images;
  // In the order of their ids. Empty: the names of the objects, sorted, with ids from 1.
  std::vector<Category> categories;
  // The fields of an object's name and box in messages, after NamedObject::where.
  std::string name_field = ".name", box_field{};
  bool fractions = false;  // boxes are fractions of the image's sides
  int64_t polygons = 0;    // objects that are polygons, replaced by their bounding boxes
  std::vector<std::string> notes;
};

// The smallest box around points x1, y1, x2, y2, ...; a box without area if there are none.
Box bounding_box(const std::vector<double>& points);

// Reads the size of images that have none, converts boxes to pixels, clips them, and assigns labels
// and image ids from 1. Without `known`, labels refer to the annotations' categories. Appends
// missing and unknown names, invalid boxes and unreadable images to `issues`.
Dataset to_dataset(Annotations annotations, const std::vector<Category>* known, Issues& issues);

}  // namespace lanner::datasets
