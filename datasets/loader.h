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
  int divisor = 32;                        // padded sides are multiples of this
  BadImage on_bad_image = BadImage::stop;  // evaluation stops always: its numbers are of all images
};

// Batches of a data set, read ahead by threads. What batch b holds follows from the seed and b
// alone, whatever the number of threads. While training, images that lie and images that stand come
// in batches of their own, as far as they go: padding is not looked at for nothing. A sample that
// cannot be read ends the pass with an Error naming its file, or is replaced by another that
// follows from the seed. The data set must outlive the loader.
class Loader {
 public:
  Loader(const Dataset& dataset, const LoaderOptions& options);
  std::optional<Batch> next() { return batches_->next(); }

 private:
  std::unique_ptr<Prefetcher<Batch>> batches_;
};

// An endless sequence of passes over 0 .. count-1, each in an order of its own that follows from
// the seed. Items of one group come in batches of their own, but for the last of a pass. Threads
// may share it.
class Shuffle {
 public:
  Shuffle(int64_t count, uint64_t seed) : count_(count), seed_(seed) {}
  // group: of each item, such as whether its image stands.
  Shuffle(std::vector<char> group, int64_t batch_size, uint64_t seed)
      : count_(static_cast<int64_t>(group.size())),
        seed_(seed),
        batch_size_(batch_size),
        group_(std::move(group)) {}
  int64_t operator()(int64_t index);

 private:
  std::vector<int64_t> order_of(int64_t pass) const;

  const int64_t count_;
  const uint64_t seed_;
  const int64_t batch_size_ = 1;
  const std::vector<char> group_;
  std::mutex mutex_;
  std::map<int64_t, std::vector<int64_t>> orders_;  // by pass
};

}  // namespace lanner::datasets
