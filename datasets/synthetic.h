#pragma once

#include <filesystem>

#include "lanner/datasets/dataset.h"
#include "lanner/datasets/fields.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// Options of `lanner synth`.
struct SyntheticOptions {
  std::filesystem::path out;
  int images = 400;
  uint64_t seed = 1;
  int width = 256, height = 192;
  int max_objects = 5;
  double min_object = 0, max_object = 0;
  double deformation = 0;

  static void visit(auto& o, auto&& field) {
    field(o.out, {.name = "out", .help = "folder to write", .required = true});
    field(o.images, {.name = "images",
                     .help = "number of images; a fifth of them form the val split",
                     .limits = between(2, 100000)});
    field(o.seed, {.name = "seed", .help = "the same seed gives the same pixels"});
    field(o.width, {.name = "width", .help = "image width in pixels", .limits = between(64, 8192)});
    field(o.height,
          {.name = "height", .help = "image height in pixels", .limits = between(64, 8192)});
    field(o.deformation, {.name = "deformation",
                          .help = "additional random bending, shearing and scaling of objects",
                          .limits = between(0, 1)});
    field(o.max_objects, {.name = "max_objects",
                          .help = "maximum number of objects per image",
                          .limits = between(1, 64)});
    field(o.min_object, {.name = "min_object",
                         .help = "minimum length of an object in pixels, before it is stretched; "
                                 "0: 0.16 of the short side",
                         .limits = at_least(0)});
    field(o.max_object, {.name = "max_object",
                         .help = "maximum length of an object in pixels; 0: 0.48 of the short side",
                         .limits = at_least(0)});
  }
};

// Draws scenes of textured objects of four classes (leaf, star, ring, arrow) on cluttered
// backgrounds. Objects are rotated, stretched, bent, and partly occluded by other objects and
// clutter. Boxes are exact: they bound the visible pixels of an object, and at least half of each
// object is visible. The same seed gives the same pixels. Writes the same images in VOC format
// (JPEGImages, Annotations, ImageSets/Main with train and val) and in COCO format
// (annotations/instances_train.json and instances_val.json). Throws usage_error and io_error.
LANNER_API void write_synthetic(const SyntheticOptions& options);

}  // namespace lanner::datasets
