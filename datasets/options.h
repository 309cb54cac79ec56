#pragma once

#include "lanner/datasets/fields.h"
#include "lanner/ops/api.h"

// Options for resizing, augmenting and normalizing images. Plain structs, without LibTorch.
namespace lanner::datasets {

// How pixels are computed when an image is resized.
enum class Interpolation {
  area,         // on 8-bit pixels: averages areas where the image shrinks, bilinear where it grows
  linear,       // on 8-bit pixels: bilinear, which aliases where the image shrinks
  torchvision,  // on float pixels: bilinear; for weights that were trained with torchvision
};

// The short side becomes `min_size`, unless the long side would exceed `max_size`.
struct ResizeOptions {
  int min_size = 800;   // pixels
  int max_size = 1333;  // pixels
  Interpolation interpolation = Interpolation::area;

  LANNER_API void check() const;  // throws usage_error
  static void visit(auto& o, auto&& field) {
    field(o.min_size, {.name = "min_size",
                       .help = "short side that images are resized to, in pixels",
                       .limits = at_least(1)});
    field(
        o.max_size,
        {.name = "max_size", .help = "maximum of the long side, in pixels", .limits = at_least(1)});
    field(o.interpolation,
          {.name = "interpolation",
           .help = "how images are interpolated; use torchvision for weights from torchvision"});
  }
};

template <>
struct EnumNames<Interpolation> {
  static constexpr std::array values{"area", "linear", "torchvision"};
};

// Random augmentation in training. A value of 0 turns an augmentation off.
struct AugmentOptions {
  double horizontal_flip = 0.5;
  double vertical_flip = 0;
  double scale_jitter = 0;
  double color_jitter = 0;
  int object_crop = 0;
  double iou_crop = 0;
  double cut_out = 0;
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
    field(o.cut_out, {.name = "cut_out",
                      .help = "probability that a random rectangle is filled",
                      .limits = between(0, 1)});
    field(o.mosaic, {.name = "mosaic",
                     .help = "probability that four images are combined into one",
                     .limits = between(0, 1)});
  }
};

// Mean and standard deviation per channel of RGB in 0..1: (x - mean) / std.
struct Normalization {
  std::array<float, 3> mean{0.485f, 0.456f, 0.406f};
  std::array<float, 3> std{0.229f, 0.224f, 0.225f};

  static void visit(auto& o, auto&& field) {
    field(o.mean, {.name = "mean", .help = "mean of red, green and blue, subtracted from 0..1"});
    field(o.std,
          {.name = "std", .help = "standard deviation of red, green and blue", .limits = above(0)});
  }
};

}  // namespace lanner::datasets
