#pragma once

#include <filesystem>

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

struct SyntheticOptions {
  std::filesystem::path out;
  int images = 400;  // a fifth of them, at least one, is the val split
  uint64_t seed = 1;
  int width = 256, height = 192;
  int most_objects = 5;    // an image has 1 to this many
  double deformation = 0;  // 0..1: how much more than usual objects bend, shear and scale
};

// Draws scenes of textured objects of four classes (leaf, star, ring, arrow), rotated, stretched,
// bent, and partly hidden by one another and by clutter, on cluttered backgrounds. Boxes are exact:
// they bound the pixels of an object that are seen, and at least half of each object is. The same
// seed gives the same pixels. Writes VOC form (JPEGImages, Annotations, ImageSets/Main with train
// and val) and COCO form (annotations/instances_train.json and instances_val.json) over the same
// images.
void write_synthetic(const SyntheticOptions& options);

}  // namespace lanner::datasets
