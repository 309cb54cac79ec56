#pragma once

#include "lanner/datasets/options.h"
#include "tools/command.h"

namespace lanner::tools {

// How training changes images, which check-data shows; the defaults are those of `augment`.
inline po::options_description augment_flags(datasets::AugmentOptions& augment) {
  po::options_description options("augmentation", kWidth, kWidth / 2);
  auto add = options.add_options();
  add("horizontal-flip", defaulted(&augment.horizontal_flip),
      "probability; 0 where left and right matter");
  add("vertical-flip", defaulted(&augment.vertical_flip), "probability");
  add("scale-jitter", defaulted(&augment.scale_jitter), "size varies by up to this fraction");
  add("colour-jitter", defaulted(&augment.colour_jitter),
      "brightness, contrast and saturation vary by up to this fraction");
  add("iou-crop", defaulted(&augment.iou_crop),
      "probability of a random part that some box overlaps well");
  add("cut-out", defaulted(&augment.cut_out), "probability of a rectangle that is filled");
  add("mosaic", defaulted(&augment.mosaic), "probability of four images in one");
  return options;
}

}  // namespace lanner::tools
