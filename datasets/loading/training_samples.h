#pragma once

#include <mutex>
#include <random>
#include <unordered_map>

#include "lanner/datasets/images/augment_options.h"
#include "lanner/datasets/loading/bad_image_policy.h"
#include "lanner/datasets/loading/shuffle.h"
#include "lanner/datasets/options.h"
#include "lanner/datasets/sample.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// The samples of a batch from `first` on.
struct BatchPart {
  int first = 0, count = 0;
};

struct TrainingSampleOptions {
  int batch_size = 1;
  BatchPart part{};  // that is loaded, of batches that several processes share; count 0: all
  uint64_t seed = 0;
  ResizeOptions resize{};
  AugmentOptions augment{};
  bool crop_anywhere = false;    // an object crop need not hold an object
  bool skip_bad_images = false;  // warn, and use other images in place of unreadable ones
  double image_cache = 0;        // maximum size of the cache of decoded images, gigabytes
};

// Training samples, augmented and resized, in a new random order in each pass. Batch b depends only
// on the seed and b. Landscape and portrait images are batched separately where possible, to avoid
// computing on padding. Thread-safe. The data set must outlive it.
class LANNER_API TrainingSamples {
 public:
  TrainingSamples(const Dataset& dataset, const TrainingSampleOptions& options);
  // Batch `index`, or this process's part of it. Throws Error, naming the file, if an image cannot
  // be read.
  std::vector<Sample> batch(int64_t index);

 private:
  Sample load(int64_t image);
  Sample load_resized(int64_t image, const ResizeOptions& resize, std::mt19937_64& random);
  Sample load_augmented(int64_t image, const ResizeOptions& resize, std::mt19937_64 random);

  const Dataset& dataset_;
  const TrainingSampleOptions options_;
  Shuffle shuffle_;
  BadImagePolicy bad_images_;
  std::mutex mutex_;  // guards the members below
  std::unordered_map<int64_t, Sample> cache_;
  double cached_bytes_ = 0;
};

}  // namespace lanner::datasets
