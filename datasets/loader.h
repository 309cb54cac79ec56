#pragma once

#include <memory>
#include <optional>

#include "lanner/datasets/batch.h"
#include "lanner/datasets/prefetcher.h"
#include "lanner/datasets/training_samples.h"

namespace lanner::datasets {

struct LoaderOptions {
  int threads = 2;
  int64_t first_batch = 0;  // where a resumed run goes on
  int64_t batches = -1;     // how many to give; -1: one pass over the data
  Normalisation normalisation{};
  int divisor = 32;  // padded sides are multiples of this
};

// Batches of a data set, read ahead by threads, in order. next() throws Error where a sample cannot
// be read, naming its file. The data set must outlive it.
using Loader = Prefetcher<Batch>;

// What TrainingSamples gives, in whole batches: a pass leaves out what does not fill one.
std::unique_ptr<Loader> training_loader(const Dataset& dataset,
                                        const TrainingSampleOptions& samples,
                                        const LoaderOptions& options);

// Each image once, whole and in order, the last batch short.
std::unique_ptr<Loader> evaluation_loader(const Dataset& dataset, int batch_size,
                                          const ResizeOptions& resize,
                                          const LoaderOptions& options);

}  // namespace lanner::datasets
