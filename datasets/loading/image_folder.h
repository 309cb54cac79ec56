#pragma once

#include <memory>

#include "lanner/datasets/loading/loader.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

struct ImageFolderOptions {
  int batch_size = 32;
  BatchPart part{};  // that is loaded, of batches that several processes share; count 0: all
  int threads = 2;
  int64_t first_batch = 0;
  int64_t batches = 1;
  uint64_t seed = 0;
  int views = 1;          // independent crops per image
  int size = 128;         // side of the square crops in pixels
  double min_crop = 0.5;  // minimum side of a crop, as a fraction of the image's short side
  double color_jitter = 0.3;
  Normalization normalization{};
  bool skip_bad_images = false;  // warn, and use other images in place of unreadable ones
};

// Batches of random square crops of unlabeled images with random horizontal flips and color jitter.
// A batch holds the first views of all its images, then the second views, and so on. Batch b
// depends only on the seed and b.
LANNER_API std::unique_ptr<Loader> image_folder_loader(std::vector<std::filesystem::path> files,
                                                       const ImageFolderOptions& options);

}  // namespace lanner::datasets
