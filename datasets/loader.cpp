#include "lanner/datasets/loader.h"

#include <algorithm>
#include <iostream>
#include <numeric>
#include <set>

#include "lanner/datasets/augment.h"
#include "lanner/datasets/error.h"
#include "lanner/datasets/image.h"
#include "lanner/datasets/random.h"

namespace lanner::datasets {
namespace {

ImageSize size_of(const ImageRecord& record) {
  if (record.width > 0 && record.height > 0) return {record.height, record.width};
  const auto size = image_size(record.path);
  return {size.height, size.width};
}

class TrainingBatches {
 public:
  TrainingBatches(const Dataset& dataset, const LoaderOptions& options)
      : dataset_(dataset),
        options_(options),
        shuffle_(groups_of(dataset), options.batch_size, options.seed) {}

  Batch operator()(int64_t batch) {
    auto resize_options = options_.resize;
    if (options_.augment.scale_jitter > 0) {
      auto random = generator(options_.seed ^ 0xABCDEF, batch);
      const double jitter = options_.augment.scale_jitter;
      const double scale = std::uniform_real_distribution<double>(1 - jitter, 1 + jitter)(random);
      resize_options.min_size = std::max(32, static_cast<int>(resize_options.min_size * scale));
      resize_options.max_size = std::max(32, static_cast<int>(resize_options.max_size * scale));
    }
    std::vector<Sample> samples;
    for (int i = 0; i < options_.batch_size; ++i) {
      const int64_t place = batch * options_.batch_size + i;
      samples.push_back(sample(shuffle_(place), resize_options, generator(options_.seed, place)));
    }
    return collate(samples, options_.normalisation, options_.divisor);
  }

 private:
  static std::vector<char> groups_of(const Dataset& dataset) {
    std::vector<char> groups;
    for (const auto& image : dataset.images) groups.push_back(image.height > image.width);
    return groups;
  }

  // The image at `index`, or the next one that can be read where bad ones are skipped.
  Sample read(int64_t index, const ResizeOptions& resize_options) {
    const auto count = static_cast<int64_t>(dataset_.images.size());
    for (int64_t passed = 0;; ++passed) {
      const auto& record = dataset_.images[(index + passed) % count];
      try {
        // A crop wants all pixels; else no more than the network sees.
        int short_side = 0;
        if (options_.augment.iou_crop == 0) {
          const auto size = resized(size_of(record), resize_options);
          short_side = static_cast<int>(std::min(size.width, size.height));
        }
        return load_sample(record, short_side);
      } catch (const Error& error) {
        if (options_.on_bad_image == BadImage::stop || passed + 1 == count) throw;
        warn(record.path.string(), error);
      }
    }
  }

  void warn(const std::string& path, const Error& error) {
    const std::lock_guard lock(mutex_);
    if (warned_.insert(path).second) std::cerr << "warning: " << error.what() << ": skipped\n";
  }

  Sample sized(int64_t index, const ResizeOptions& resize_options, std::mt19937_64& random) {
    Sample sample = read(index, resize_options);
    std::uniform_real_distribution<double> chance(0, 1);
    if (options_.augment.iou_crop > 0 && chance(random) < options_.augment.iou_crop)
      crop_by_iou(sample, random);
    // A scaled decoding's own sides are rounded; the size follows from the whole image's.
    const bool cropped = options_.augment.iou_crop > 0;
    resize(sample, resized(cropped ? ImageSize{sample.rgb.rows, sample.rgb.cols}
                                   : ImageSize{sample.original_height, sample.original_width},
                           resize_options));
    return sample;
  }

  Sample sample(int64_t index, const ResizeOptions& resize_options, std::mt19937_64 random) {
    const auto& augment = options_.augment;
    std::uniform_real_distribution<double> chance(0, 1);
    Sample sample = sized(index, resize_options, random);
    if (augment.mosaic > 0 && chance(random) < augment.mosaic) {
      std::uniform_int_distribution<int64_t> any(0,
                                                 static_cast<int64_t>(dataset_.images.size()) - 1);
      std::array<Sample, 4> four{sample};
      for (int i = 1; i < 4; ++i) four[i] = sized(any(random), resize_options, random);
      std::shuffle(four.begin() + 1, four.end(), random);
      sample = mosaic(four, random);
    }
    if (chance(random) < augment.horizontal_flip) flip_horizontally(sample);
    if (chance(random) < augment.vertical_flip) flip_vertically(sample);
    if (augment.colour_jitter > 0) jitter_colours(sample, augment.colour_jitter, random);
    if (augment.cut_out > 0 && chance(random) < augment.cut_out) cut_out(sample, random);
    return sample;
  }

  const Dataset& dataset_;
  const LoaderOptions options_;
  Shuffle shuffle_;
  std::mutex mutex_;
  std::set<std::string> warned_;
};

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

std::vector<int64_t> Shuffle::order_of(int64_t pass) const {
  std::vector<int64_t> order(count_);
  std::iota(order.begin(), order.end(), 0);
  auto random = generator(~seed_, pass);
  std::shuffle(order.begin(), order.end(), random);
  if (group_.empty()) return order;
  // What is left of a batch that the pass before began comes first; then whole batches of one
  // group, in the order in which they fill; what is left over last.
  const int64_t begun = pass * count_ % batch_size_;
  const int64_t lead = std::min(count_, begun ? batch_size_ - begun : 0);
  std::vector<int64_t> grouped(order.begin(), order.begin() + lead);
  std::map<char, std::vector<int64_t>> waiting;
  for (int64_t i = lead; i < count_; ++i) {
    auto& own = waiting[group_[order[i]]];
    own.push_back(order[i]);
    if (static_cast<int64_t>(own.size()) < batch_size_) continue;
    grouped.insert(grouped.end(), own.begin(), own.end());
    own.clear();
  }
  for (const auto& [group, left] : waiting) grouped.insert(grouped.end(), left.begin(), left.end());
  return grouped;
}

int64_t Shuffle::operator()(int64_t index) {
  const std::lock_guard lock(mutex_);
  const int64_t pass = index / count_;
  auto& order = orders_[pass];
  if (order.empty()) order = order_of(pass);
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
  std::function<Batch(int64_t)> make;
  if (options.training)
    make = [first = options.first_batch,
            batches = std::make_shared<TrainingBatches>(dataset, options)](int64_t index) {
      return (*batches)(first + index);
    };
  else
    make = [&dataset, options](int64_t index) { return evaluation_batch(dataset, options, index); };
  batches_ = std::make_unique<Prefetcher<Batch>>(count, options.threads, 2 * options.threads, make);
}

}  // namespace lanner::datasets
