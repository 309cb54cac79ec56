#include "lanner/datasets/loading/training_samples.h"

#include <algorithm>

#include "lanner/datasets/images/augment.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/images/transforms.h"
#include "lanner/datasets/loading/random.h"

namespace lanner::datasets {
namespace {

std::vector<char> is_portrait(const Dataset& dataset) {
  std::vector<char> groups;
  for (const auto& image : dataset.images) groups.push_back(image.height > image.width);
  return groups;
}

ResizeOptions scaled(const ResizeOptions& options, double scale) {
  auto result = options;
  result.min_size = std::max(32, static_cast<int>(options.min_size * scale));
  result.max_size = std::max(32, static_cast<int>(options.max_size * scale));
  return result;
}

// The short side of an image after resizing.
int short_side(const ImageRecord& record, const ResizeOptions& options) {
  ImageSize size{record.height, record.width};
  if (record.width <= 0 || record.height <= 0) {
    const auto full_size = image_size(record.path);
    size = {full_size.height, full_size.width};
  }
  size = resized(size, options);
  return static_cast<int>(std::min(size.width, size.height));
}

bool happens(double probability, std::mt19937_64& random) {
  // No random number is drawn if the change is off, so that the others do not depend on it.
  return probability > 0 && std::uniform_real_distribution<double>(0, 1)(random) < probability;
}

}  // namespace

TrainingSamples::TrainingSamples(const Dataset& dataset, const TrainingSampleOptions& options)
    : dataset_(dataset),
      options_(options),
      shuffle_(is_portrait(dataset), options.batch_size, options.seed),
      bad_images_(options.skip_bad_images) {}

std::vector<Sample> TrainingSamples::batch(int64_t index) {
  auto resize_options = options_.resize;
  if (const double jitter = options_.augment.scale_jitter; jitter > 0) {
    auto random = generator(options_.seed ^ 0xABCDEF, index);
    resize_options = scaled(resize_options,
                            std::uniform_real_distribution<double>(1 - jitter, 1 + jitter)(random));
  }
  std::vector<Sample> samples;
  const auto [first, count] =
      options_.part.count > 0 ? options_.part : BatchPart{0, options_.batch_size};
  for (int i = first; i < first + count; ++i) {
    const int64_t position = index * options_.batch_size + i;
    samples.push_back(
        load_augmented(shuffle_(position), resize_options, generator(options_.seed, position)));
  }
  return samples;
}

// Decodes an image at the size that the largest batch requires, whatever the current one requires,
// so that cached and newly decoded images are equal.
Sample TrainingSamples::load(int64_t image) {
  if (options_.image_cache > 0) {
    const std::lock_guard lock(mutex_);
    if (const auto found = cache_.find(image); found != cache_.end()) return found->second;
  }
  const auto& record = dataset_.images[image];
  const auto& augment = options_.augment;
  auto sample = load_sample(
      record, augment.iou_crop > 0  // a crop requires all pixels
                  ? 0
                  : short_side(record, scaled(options_.resize, 1 + augment.scale_jitter)));
  const std::lock_guard lock(mutex_);
  const auto bytes = static_cast<double>(sample.rgb.total() * sample.rgb.elemSize());
  if (cached_bytes_ + bytes <= options_.image_cache * 1e9 && cache_.emplace(image, sample).second)
    cached_bytes_ += bytes;
  return sample;
}

Sample TrainingSamples::load_resized(int64_t image, const ResizeOptions& resize_options,
                                     std::mt19937_64& random) {
  Sample sample = bad_images_.replaced(image, std::ssize(dataset_.images),
                                       [&](int64_t candidate) { return load(candidate); });
  if (happens(options_.augment.iou_crop, random)) crop_by_iou(sample, random);
  // The sides of a scaled decoding are rounded, so the new size is computed from the original size.
  const bool cropped = options_.augment.iou_crop > 0;
  const auto size = resized(cropped ? ImageSize{sample.rgb.rows, sample.rgb.cols}
                                    : ImageSize{sample.original_height, sample.original_width},
                            resize_options);
  if (options_.augment.object_crop > 0) {
    const auto crop = options_.crop_anywhere ? crop_at_random : crop_around_object;
    crop(sample, options_.augment.object_crop, static_cast<double>(size.width) / sample.rgb.cols,
         resize_options.interpolation, random);
    return sample;
  }
  resize(sample, size, resize_options.interpolation);
  return sample;
}

Sample TrainingSamples::load_augmented(int64_t image, const ResizeOptions& resize_options,
                                       std::mt19937_64 random) {
  const auto& augment = options_.augment;
  Sample sample = load_resized(image, resize_options, random);
  if (happens(augment.mosaic, random)) {
    std::uniform_int_distribution<int64_t> random_index(0, std::ssize(dataset_.images) - 1);
    std::array<Sample, 4> four{sample};
    for (int i = 1; i < 4; ++i)
      four[i] = load_resized(random_index(random), resize_options, random);
    std::shuffle(four.begin() + 1, four.end(), random);
    sample = mosaic(four, random).sample;
  }
  if (happens(augment.horizontal_flip, random)) flip_horizontally(sample);
  if (happens(augment.vertical_flip, random)) flip_vertically(sample);
  if (augment.color_jitter > 0) jitter_colors(sample, augment.color_jitter, random);
  if (happens(augment.cutout, random)) cutout(sample, random);
  return sample;
}

}  // namespace lanner::datasets
