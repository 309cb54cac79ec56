#include "lanner/datasets/loading/loader.h"

#include <algorithm>

#include "lanner/datasets/images/transforms.h"

namespace lanner::datasets {
namespace {

std::unique_ptr<Loader> loader(const LoaderOptions& options, int64_t batches_per_pass,
                               std::function<std::vector<Sample>(int64_t batch)> samples) {
  return std::make_unique<Loader>(options.batches < 0 ? batches_per_pass : options.batches,
                                  options.threads, 2 * options.threads,
                                  [options, samples](int64_t index) {
                                    return collate(samples(options.first_batch + index),
                                                   options.normalization, options.divisor);
                                  });
}

}  // namespace

std::unique_ptr<Loader> training_loader(const Dataset& dataset,
                                        const TrainingSampleOptions& samples,
                                        const LoaderOptions& options) {
  return loader(options, std::max<int64_t>(1, std::ssize(dataset.images) / samples.batch_size),
                [source = std::make_shared<TrainingSamples>(dataset, samples)](int64_t batch) {
                  return source->batch(batch);
                });
}

std::unique_ptr<Loader> evaluation_loader(const Dataset& dataset, int batch_size,
                                          const ResizeOptions& resize_options,
                                          const LoaderOptions& options) {
  const auto count = std::ssize(dataset.images);
  return loader(options, (count + batch_size - 1) / batch_size,
                [&dataset, batch_size, resize_options, count](int64_t batch) {
                  std::vector<Sample> samples;
                  const auto begin = batch * batch_size;
                  for (auto i = begin; i < std::min<int64_t>(begin + batch_size, count); ++i) {
                    auto sample = load_sample(dataset.images[i], 0);
                    resize(sample,
                           resized({sample.original_height, sample.original_width}, resize_options),
                           resize_options.interpolation);
                    samples.push_back(std::move(sample));
                  }
                  return samples;
                });
}

}  // namespace lanner::datasets
