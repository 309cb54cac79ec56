#include "lanner/datasets/loading/image_folder.h"

#include <algorithm>

#include "lanner/datasets/images/augment.h"
#include "lanner/datasets/images/image.h"
#include "lanner/datasets/images/transforms.h"
#include "lanner/datasets/loading/random.h"

namespace lanner::datasets {
namespace {

Sample random_crop(const std::filesystem::path& file, const ImageFolderOptions& options,
                   std::mt19937_64 random) {
  // JPEGs may be decoded at a reduced size. With a short side of at least twice the crop size,
  // crops down to half the short side are not enlarged.
  const auto image = read_image(file, 2 * options.size);
  std::uniform_real_distribution<double> uniform(0, 1);
  const int short_side = std::min(image.rgb.cols, image.rgb.rows);
  const double fraction = options.min_crop + (1 - options.min_crop) * uniform(random);
  const int side = std::max(1, static_cast<int>(short_side * fraction));
  const int x = static_cast<int>(uniform(random) * (image.rgb.cols - side));
  const int y = static_cast<int>(uniform(random) * (image.rgb.rows - side));
  Sample sample;
  sample.rgb = image.rgb(cv::Rect(x, y, side, side));
  sample.path = file.string();
  sample.original_width = image.width, sample.original_height = image.height;
  resize(sample, {options.size, options.size}, Interpolation::linear);
  if (uniform(random) < 0.5) flip_horizontally(sample);
  if (options.color_jitter > 0) jitter_colors(sample, options.color_jitter, random);
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
       bad_images = std::make_shared<BadImagePolicy>(options.skip_bad_images)](int64_t index) {
        std::vector<Sample> samples;
        const auto [first, number] =
            options.part.count > 0 ? options.part : BatchPart{0, options.batch_size};
        for (int view = 0; view < options.views; ++view)
          for (int i = first; i < first + number; ++i) {
            const int64_t position = (options.first_batch + index) * options.batch_size + i;
            // An arbitrary large step gives each view random numbers of its own.
            const uint64_t seed = options.seed + 0x5DEECE66Dull * view;
            samples.push_back(
                bad_images->replaced((*shuffle)(position), count, [&](int64_t candidate) {
                  return random_crop(files[candidate], options, generator(seed, position));
                }));
          }
        return collate(samples, options.normalization, 1);
      });
}

}  // namespace lanner::datasets
