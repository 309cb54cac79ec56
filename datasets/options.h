#pragma once

#include <array>

// How images are brought to the network. Plain structs, without LibTorch: the command line needs
// their defaults before it loads anything.
namespace lanner::datasets {

// The short side becomes `min_size`, unless the long side would pass `max_size`.
struct ResizeOptions {
  int min_size = 800;
  int max_size = 1333;
};

struct AugmentOptions {
  void check() const;            // throws usage_error
  double horizontal_flip = 0.5;  // probability
  double vertical_flip = 0;      // probability; for images without an up, such as a microscope's
  double scale_jitter = 0;       // the size of a batch varies by up to this fraction, 0..0.9
  double colour_jitter = 0;      // brightness, contrast and saturation vary by up to this fraction
  double iou_crop = 0;           // probability of a random part that some box overlaps well
  double cut_out = 0;            // probability of a rectangle that is filled
  double mosaic = 0;             // probability of four images in one
};

// RGB, 0..1: what is subtracted and then divided by.
struct Normalisation {
  std::array<float, 3> mean{0.485f, 0.456f, 0.406f};
  std::array<float, 3> std{0.229f, 0.224f, 0.225f};
};

}  // namespace lanner::datasets
