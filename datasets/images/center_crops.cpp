#include "lanner/datasets/images/center_crops.h"

#include <algorithm>

#include "lanner/datasets/images/image.h"
#include "lanner/datasets/images/transforms.h"
#include "lanner/datasets/parallel.h"

namespace lanner::datasets {
namespace fs = std::filesystem;

std::vector<Sample> center_crops(std::span<const fs::path> files, int size) {
  std::vector<Sample> samples(files.size());
  parallel_for(files.size(), [&](size_t i) {
    const auto image = read_image(files[i], size);
    const int side = std::min(image.rgb.cols, image.rgb.rows);
    samples[i].rgb =
        image.rgb(cv::Rect((image.rgb.cols - side) / 2, (image.rgb.rows - side) / 2, side, side));
    samples[i].path = files[i].string();
    samples[i].original_width = image.width, samples[i].original_height = image.height;
    resize(samples[i], {size, size}, Interpolation::linear);
  });
  return samples;
}

}  // namespace lanner::datasets
