#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"

namespace lanner::datasets {

// The images that must stay together when a data set is split, by their names: augmented copies of
// a photo (NAME.rf.HASH.jpg) and frames of a film (NAME_frame_000123.jpg, NAME.mp4_000123.jpg).
// Other images form groups of their own.
std::string group_of(const std::filesystem::path& image);

struct ImageSplit {
  std::vector<size_t> part;  // of each image, 0 .. shares.size() - 1
  bool in_order = false;  // there are fewer groups than parts: the images were cut in their order
};

// Shuffles the groups and deals them so that the parts have the shares.
ImageSplit split_images(const std::vector<ImageRecord>& images, const std::vector<double>& shares,
                        uint64_t seed);

}  // namespace lanner::datasets
