#pragma once

#include "lanner/detectors/training/options.h"

// What `lanner pretrain` and `lanner probe` are told. Plain structs, without LibTorch.
namespace lanner::detectors {

// How patches are cut from an image, and what is changed of each on its own, so that neither its
// colours nor its edges tell which image it is from.
struct PatchOptions {
  int size = 48, stride = 24;  // pixels: 5 x 5 patches of 144
  double crop = 1;             // side of a random part that is kept, of the patch's; the rest is 0
  double flip = 0;             // probability, left to right
  double one_channel = 0;      // probability that one colour channel is put in place of all
  double grey = 0.25;          // probability
  double contrast = 0.3;       // each channel's varies by up to this fraction
  double brightness = 0.3;     // each channel is shifted by up to so many standard deviations
  int rows(int image_size) const { return (image_size - size) / stride + 1; }
};

struct PretrainOptions {
  std::vector<std::filesystem::path> images;  // folders, searched to the bottom
  std::filesystem::path init;                 // backbone weights to start from; may be empty
  std::string objective = "cpc";              // or simclr
  int depth = 18;                             // ResNet
  int stages = 3;                             // how many of its four are trained
  Norm norm = Norm::layer;                    // batch norm would leak between patches
  int image_size = 144;                       // pixels
  double smallest_crop = 0.5;                 // of an image's short side, as the crop's side
  PatchOptions patch{};
  std::string context = "conv";  // or gru
  int first_distance = 2,
      last_distance = 3;     // predicted rows; at 1 half of a patch is seen already
  int directions = 4;        // 1: downwards; 4: all ways
  int negatives = 0;         // drawn for each prediction; 0: all other patches of the batch
  int embedding = 64;        // numbers in which predictions and targets meet
  double temperature = 0.1;  // of cosines; 0: dot products times 0.1, as CPC v2
  bool show = false;         // draw predictions and neighbours when done
  LoopOptions loop{.epochs = 100,
                   .batch_size = 16,
                   .optimizer = "adamw",
                   .lr = 1e-3,
                   .weight_decay = 1e-4,
                   .schedule = "cosine"};

  void check() const;  // throws usage_error
};

struct ProbeOptions {
  std::vector<std::filesystem::path> weights;  // backbones
  // A folder whose folders are classes, or one of such folders train and validation, val, valid or
  // test.
  std::filesystem::path images;
  // To be asked about, taken together; empty: those beside train, or a fifth of each class.
  std::vector<std::filesystem::path> test;
  int seeds = 3;  // untrained networks, and choices of decay
  int neighbours = 200;
  bool every_stage = false;        // not only the last one trained
  bool patches = false;            // features are means over patches, as CPC sees images
  int image_size = 128;            // pixels; of weights that do not say
  int depth = 18;                  // ResNet, of weights that do not say
  Norm norm = Norm::frozen_batch;  // likewise
  std::filesystem::path json;      // where the numbers go; may be empty

  void check() const;  // throws usage_error
};

}  // namespace lanner::detectors
