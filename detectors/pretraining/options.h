#pragma once

#include "lanner/detectors/training/options.h"

namespace lanner::detectors {

// What `lanner pretrain` is told. Plain struct, without LibTorch.
struct PretrainOptions {
  std::vector<std::filesystem::path> images;  // folders, searched to the bottom
  int depth = 18;                             // ResNet
  int stages = 3;                             // how many of its four are trained
  Norm norm = Norm::layer;                    // batch norm would leak between patches
  int image_size = 128;                       // pixels
  int patch_size = 32, patch_stride = 16;     // pixels: 7 x 7 patches of 128
  int first_distance = 2,
      last_distance = 4;  // predicted rows; at 1 half of a patch is seen already
  int directions = 4;     // 1: downwards; 4: all ways
  LoopOptions loop{.epochs = 100,
                   .batch_size = 32,
                   .optimizer = "adamw",
                   .lr = 1e-3,
                   .weight_decay = 1e-4,
                   .schedule = "cosine",
                   .warmup_steps = 100};

  void check() const;  // throws usage_error
};

}  // namespace lanner::detectors
