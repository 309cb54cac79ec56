#pragma once

#include "lanner/datasets/fields.h"

namespace lanner::datasets {

// Random augmentation in training. A plain struct, without LibTorch. A value of 0 turns an
// augmentation off.
struct AugmentOptions {
  double horizontal_flip = 0.5;
  double vertical_flip = 0;
  double scale_jitter = 0;
  double color_jitter = 0;
  int object_crop = 0;
  double iou_crop = 0;
  double cutout = 0;
  double mosaic = 0;

  static void visit(auto& o, auto&& field) {
    field(o.horizontal_flip,
          {.name = "horizontal_flip",
           .help = "probability of a horizontal flip; use 0 where left and right matter",
           .limits = between(0, 1)});
    field(
        o.vertical_flip,
        {.name = "vertical_flip",
         .help =
             "probability of a vertical flip; for images with no natural top, as from a microscope",
         .limits = between(0, 1)});
    field(o.scale_jitter, {.name = "scale_jitter",
                           .help = "maximum relative change of the image size, per batch",
                           .limits = between(0, 0.9)});
    field(o.color_jitter, {.name = "color_jitter",
                           .help = "maximum relative change of brightness, contrast and saturation",
                           .limits = between(0, 1)});
    field(o.object_crop, {.name = "object_crop",
                          .help = "side of square crops around a random object, in pixels after "
                                  "resizing, which replace whole images; 0: whole images",
                          .limits = at_least(0)});
    field(o.iou_crop, {.name = "iou_crop",
                       .help = "probability of a random crop that overlaps some box (SSD)",
                       .limits = between(0, 1)});
    field(o.cutout, {.name = "cutout",
                     .help = "probability that a random rectangle is filled",
                     .limits = between(0, 1)});
    field(o.mosaic, {.name = "mosaic",
                     .help = "probability that four images are combined into one",
                     .limits = between(0, 1)});
  }
};

}  // namespace lanner::datasets
