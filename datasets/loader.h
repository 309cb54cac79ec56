#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "lanner/datasets/batch.h"
#include "lanner/datasets/prefetcher.h"
#include "lanner/datasets/transforms.h"

namespace lanner::datasets {

struct LoaderOptions {
  int batch_size = 1;
  int threads = 2;
  int64_t first_batch = 0;  // where a resumed run goes on
  int64_t batches = -1;     // how many to give; -1: one pass over the data, the last batch short
  uint64_t seed = 0;
  bool training = false;  // shuffle anew each epoch, augment, and give only whole batches
  ResizeOptions resize{};
  AugmentOptions augment{};
  Normalisation normalisation{};
  int divisor = 32;  // padded sides are multiples of this
};

// Batches of a data set, read ahead by threads. What batch b holds follows from the seed and b
// alone, whatever the number of threads. A sample that cannot be read ends the pass with an Error
// naming its file. The data set must outlive the loader.
class Loader {
 public:
  Loader(const Dataset& dataset, const LoaderOptions& options);
  std::optional<Batch> next() { return batches_->next(); }

 private:
  std::unique_ptr<Prefetcher<Batch>> batches_;
};

// An endless sequence of passes over 0 .. count-1, each in an order of its own that follows from
// the seed. Threads may share it.
class Shuffle {
 public:
  Shuffle(int64_t count, uint64_t seed) : count_(count), seed_(seed) {}
  int64_t operator()(int64_t index);

 private:
  const int64_t count_;
  const uint64_t seed_;
  std::mutex mutex_;
  std::map<int64_t, std::vector<int64_t>> orders_;  // by pass
};

}  // namespace lanner::datasets
