#include "lanner/datasets/square_images.h"

#include <algorithm>

#include "lanner/datasets/error.h"
#include "lanner/datasets/image.h"
#include "lanner/datasets/parallel.h"
#include "lanner/datasets/transforms.h"

namespace lanner::datasets {
namespace fs = std::filesystem;

std::vector<Sample> centre_squares(std::span<const fs::path> files, int size) {
  std::vector<Sample> samples(files.size());
  parallel_for(files.size(), [&](size_t i) {
    const auto image = read_image(files[i], size);
    const int side = std::min(image.rgb.cols, image.rgb.rows);
    samples[i].rgb =
        image.rgb(cv::Rect((image.rgb.cols - side) / 2, (image.rgb.rows - side) / 2, side, side));
    samples[i].path = files[i].string();
    samples[i].original_width = image.width, samples[i].original_height = image.height;
    resize(samples[i], {size, size});
  });
  return samples;
}

ClassFolders read_class_folders(const fs::path& root) {
  if (!fs::is_directory(root)) throw missing_file(root.string() + ": no such folder");
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(root))
    if (entry.is_directory()) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  ClassFolders found;
  for (const auto& folder : folders) {
    const auto label = static_cast<int64_t>(found.classes.size());
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file() && is_image_name(entry.path()))
        found.files.push_back(entry.path());
    if (found.files.size() == found.labels.size()) continue;  // a folder without images
    found.classes.push_back(folder.filename().string());
    std::sort(found.files.begin() + std::ssize(found.labels), found.files.end());
    found.labels.resize(found.files.size(), label);
  }
  if (found.classes.size() < 2)
    throw bad_data(root.string() + ": classes: expected two folders of images or more, got " +
                   std::to_string(found.classes.size()));
  return found;
}

}  // namespace lanner::datasets
