#pragma once

#include <memory>

#include "lanner/datasets/loader.h"

namespace lanner::datasets {

struct ImageFolderOptions {
  int batch_size = 32;
  int threads = 2;
  int64_t first_batch = 0;
  int64_t batches = 1;
  uint64_t seed = 0;
  int views = 1;               // crops of each image, each its own
  int size = 128;              // sides of the square crops, pixels
  double smallest_crop = 0.5;  // a crop's side is at least this part of the image's short side
  double colour_jitter = 0.3;
  Normalisation normalisation{};
  bool skip_bad_images = false;  // warn and take others in their place
};

// Batches of random square crops of unlabelled images, flipped and with their colours changed:
// first the first view of each image, then the second. What batch b holds follows from the seed and
// b.
std::unique_ptr<Loader> image_folder_loader(std::vector<std::filesystem::path> files,
                                            const ImageFolderOptions& options);

}  // namespace lanner::datasets
