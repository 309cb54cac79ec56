#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lanner/detectors/inference/options.h"

namespace lanner::detectors {

// An image or video to detect in.
struct Source {
  std::string input;             // an image file, or an argument of VideoReader
  std::filesystem::path output;  // of the annotated image or video, relative to the output folder
  bool is_video = false;
};

inline const std::filesystem::path kOffsetsFolder = "offsets";    // of --show-offsets
inline const std::filesystem::path kSamplingFolder = "sampling";  // of --show-sampling

// Resolves folders, patterns and lists. Throws missing_file for what is not there, and usage_error
// where an output would be written over an input or another output.
std::vector<Source> list_sources(const DetectOptions& options);

}  // namespace lanner::detectors
