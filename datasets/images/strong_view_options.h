#pragma once

#include "lanner/datasets/fields.h"

namespace lanner::datasets {

// How much harder the student's view of an unlabeled image is than the teacher's. A value of 0
// turns a change off. A plain struct, without OpenCV.
struct StrongViewOptions {
  double scale = 0.2;
  double shift = 0.1;
  double color = 0.4;
  double gray = 0.2;
  double blur = 0.3;
  double cutout = 0.5;
  double mosaic = 0;
  double mixup = 0;

  static void visit(auto& o, auto&& field) {
    field(o.scale, {.name = "scale",
                    .help = "maximum relative change of its size",
                    .limits = between(0, 0.9)});
    field(o.shift, {.name = "shift",
                    .help = "maximum shift of it, as a fraction of its sides",
                    .limits = between(0, 0.9)});
    field(o.color, {.name = "color",
                    .help = "maximum relative change of brightness, contrast and saturation",
                    .limits = between(0, 1)});
    field(o.gray, {.name = "gray", .help = "probability of grayscale", .limits = between(0, 1)});
    field(o.blur,
          {.name = "blur", .help = "probability of a Gaussian blur", .limits = between(0, 1)});
    field(o.cutout, {.name = "cutout",
                     .help = "probability that random rectangles are filled",
                     .limits = between(0, 1)});
    field(o.mosaic, {.name = "mosaic",
                     .help = "probability of a mosaic with three other views of the batch",
                     .limits = between(0, 1)});
    field(o.mixup, {.name = "mixup",
                    .help = "probability, where there is no mosaic, of the mean with another view",
                    .limits = between(0, 1)});
  }
};

}  // namespace lanner::datasets
