#pragma once

#include <mutex>
#include <random>
#include <unordered_map>

#include "lanner/datasets/bad_images.h"
#include "lanner/datasets/options.h"
#include "lanner/datasets/sample.h"
#include "lanner/datasets/shuffle.h"

namespace lanner::datasets {

struct TrainingSampleOptions {
  int batch_size = 1;
  uint64_t seed = 0;
  ResizeOptions resize{};
  AugmentOptions augment{};
  bool skip_bad_images = false;  // warn and take another in their place; else they end the run
  double image_cache = 0;        // gigabytes of decoded images that are kept
};

// What training sees: shuffled anew each pass, augmented, resized. What batch b holds follows from
// the seed and b alone. Images that lie and images that stand come in batches of their own, as far
// as they go: padding is not looked at for nothing. Threads may share it; the data set must outlive
// it.
class TrainingSamples {
 public:
  TrainingSamples(const Dataset& dataset, const TrainingSampleOptions& options);
  // Throws Error naming the file where an image cannot be read.
  std::vector<Sample> batch(int64_t index);

 private:
  Sample load(int64_t image);
  Sample sized(int64_t image, const ResizeOptions& resize, std::mt19937_64& random);
  Sample sample(int64_t image, const ResizeOptions& resize, std::mt19937_64 random);

  const Dataset& dataset_;
  const TrainingSampleOptions options_;
  Shuffle shuffle_;
  BadImages bad_images_;
  std::mutex mutex_;  // of what follows
  std::unordered_map<int64_t, Sample> cache_;
  double cached_bytes_ = 0;
};

}  // namespace lanner::datasets
