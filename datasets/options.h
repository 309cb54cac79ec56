#pragma once

#include "lanner/datasets/fields.h"
#include "lanner/ops/api.h"

// Options for resizing and normalizing images. Plain structs, without LibTorch.
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
