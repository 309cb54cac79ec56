#include "lanner/datasets/loader.h"

#include <algorithm>
#include <numeric>

#include "lanner/datasets/image.h"
#include "lanner/datasets/random.h"

namespace lanner::datasets {
namespace {

Sample training_sample(const ImageRecord& record, const LoaderOptions& options, ImageSize size,
                       std::mt19937_64 random) {
  Sample sample = load_sample(record, static_cast<int>(std::min(size.width, size.height)));
  resize(sample, size);
  std::uniform_real_distribution<double> chance(0, 1);
  const auto& augment = options.augment;
  if (chance(random) < augment.horizontal_flip) flip_horizontally(sample);
  if (chance(random) < augment.vertical_flip) flip_vertically(sample);
  if (augment.colour_jitter > 0) jitter_colours(sample, augment.colour_jitter, random);
  return sample;
}

ImageSize size_of(const ImageRecord& record) {
  if (record.width > 0 && record.height > 0) return {record.height, record.width};
  const auto size = image_size(record.path);
  return {size.height, size.width};
}

Batch training_batch(const Dataset& dataset, const LoaderOptions& options, Shuffle& shuffle,
                     int64_t batch) {
  auto resize_options = options.resize;
  if (options.augment.scale_jitter > 0) {
    auto random = generator(options.seed ^ 0xABCDEF, batch);
    const double jitter = options.augment.scale_jitter;
    const double scale = std::uniform_real_distribution<double>(1 - jitter, 1 + jitter)(random);
    resize_options.min_size = std::max(32, static_cast<int>(resize_options.min_size * scale));
    resize_options.max_size = std::max(32, static_cast<int>(resize_options.max_size * scale));
  }
  std::vector<Sample> samples;
  for (int i = 0; i < options.batch_size; ++i) {
    const int64_t place = batch * options.batch_size + i;
    const auto& record = dataset.images[shuffle(place)];
    samples.push_back(training_sample(record, options, resized(size_of(record), resize_options),
                                      generator(options.seed, place)));
  }
  return collate(samples, options.normalisation, options.divisor);
}

Batch evaluation_batch(const Dataset& dataset, const LoaderOptions& options, int64_t batch) {
  std::vector<Sample> samples;
  const auto count = static_cast<int64_t>(dataset.images.size());
  const int64_t begin = batch * options.batch_size;
  for (int64_t i = begin; i < std::min(begin + options.batch_size, count); ++i) {
    samples.push_back(load_sample(dataset.images[i], 0));
    auto& sample = samples.back();
    resize(sample, resized({sample.original_height, sample.original_width}, options.resize));
  }
  return collate(samples, options.normalisation, options.divisor);
}

}  // namespace

int64_t Shuffle::operator()(int64_t index) {
  const std::lock_guard lock(mutex_);
  const int64_t pass = index / count_;
  auto& order = orders_[pass];
  if (order.empty()) {
    order.resize(count_);
    std::iota(order.begin(), order.end(), 0);
    auto random = generator(~seed_, pass);
    std::shuffle(order.begin(), order.end(), random);
  }
  const int64_t item = order[index % count_];
  // Threads are at two passes as a rule; one that lags behind has its order drawn again.
  while (orders_.size() > 2) orders_.erase(orders_.begin());
  return item;
}

Loader::Loader(const Dataset& dataset, const LoaderOptions& options) {
  const auto images = static_cast<int64_t>(dataset.images.size());
  const int64_t pass = options.training ? std::max<int64_t>(1, images / options.batch_size)
                                        : (images + options.batch_size - 1) / options.batch_size;
  const int64_t count = options.batches < 0 ? pass : options.batches;
  batches_ = std::make_unique<Prefetcher<Batch>>(
      count, options.threads, 2 * options.threads,
      [&dataset, options,
       shuffle = std::make_shared<Shuffle>(images, options.seed)](int64_t index) {
        return options.training
                   ? training_batch(dataset, options, *shuffle, options.first_batch + index)
                   : evaluation_batch(dataset, options, index);
      });
}

}  // namespace lanner::datasets
