#pragma once

#include <memory>
#include <optional>

#include "lanner/datasets/loading/batch.h"
#include "lanner/datasets/loading/prefetcher.h"
#include "lanner/datasets/loading/training_samples.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

struct LoaderOptions {
  int threads = 2;
  int64_t first_batch = 0;  // index of the first batch, for resumed runs
  int64_t batches = -1;     // number of batches; -1: one pass over the data
  Normalization normalization{};
  int divisor = 32;  // padded sides are multiples of this
};

// Batches of a data set in order, loaded ahead by threads. next() throws Error, naming the file, if
// a sample cannot be read. The data set must outlive the loader.
using Loader = Prefetcher<Batch>;

// Batches of TrainingSamples. All batches are full: a pass drops the samples that do not fill one.
LANNER_API std::unique_ptr<Loader> training_loader(const Dataset& dataset,
                                                   const TrainingSampleOptions& samples,
                                                   const LoaderOptions& options);

// Each image once, in order and without augmentation. The last batch may be smaller.
LANNER_API std::unique_ptr<Loader> evaluation_loader(const Dataset& dataset, int batch_size,
                                                     const ResizeOptions& resize,
                                                     const LoaderOptions& options);

}  // namespace lanner::datasets
