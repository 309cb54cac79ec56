#include "lanner/datasets/image_folder.h"

#include <algorithm>

#include "lanner/datasets/image.h"
#include "lanner/datasets/random.h"
#include "lanner/datasets/transforms.h"

namespace lanner::datasets {
namespace {

Sample random_crop(const std::filesystem::path& file, const ImageFolderOptions& options,
                   std::mt19937_64 random) {
  // Twice the size leaves a crop of half the side at full detail.
  const auto image = read_image(file, 2 * options.size);
  std::uniform_real_distribution<double> chance(0, 1);
  const int shortest = std::min(image.rgb.cols, image.rgb.rows);
  const double part = options.smallest_crop + (1 - options.smallest_crop) * chance(random);
  const int side = std::max(1, static_cast<int>(shortest * part));
  const int x = static_cast<int>(chance(random) * (image.rgb.cols - side));
  const int y = static_cast<int>(chance(random) * (image.rgb.rows - side));
  Sample sample;
  sample.rgb = image.rgb(cv::Rect(x, y, side, side));
  sample.path = file.string();
  sample.original_width = image.width, sample.original_height = image.height;
  resize(sample, {options.size, options.size});
  if (chance(random) < 0.5) flip_horizontally(sample);
  if (options.colour_jitter > 0) jitter_colours(sample, options.colour_jitter, random);
  return sample;
}

}  // namespace

std::unique_ptr<Loader> image_folder_loader(std::vector<std::filesystem::path> files,
                                            const ImageFolderOptions& options) {
  const auto count = std::ssize(files);
  return std::make_unique<Loader>(
      options.batches, options.threads, 2 * options.threads,
      [files = std::move(files), options, count,
       shuffle = std::make_shared<Shuffle>(count, options.seed),
       bad_images = std::make_shared<BadImages>(options.skip_bad_images)](int64_t index) {
        std::vector<Sample> samples;
        for (int view = 0; view < options.views; ++view)
          for (int i = 0; i < options.batch_size; ++i) {
            const int64_t place = (options.first_batch + index) * options.batch_size + i;
            const uint64_t seed = options.seed + 0x5DEECE66Dull * view;
            samples.push_back(
                bad_images->replaced((*shuffle)(place), count, [&](int64_t candidate) {
                  return random_crop(files[candidate], options, generator(seed, place));
                }));
          }
        return collate(samples, options.normalisation, 1);
      });
}

}  // namespace lanner::datasets
