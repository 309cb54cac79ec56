#pragma once

#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <vector>

namespace lanner::datasets {

// Formats that OpenCV does not read, in RGB. Decoding throws std::runtime_error with a reason if
// the file is damaged, has more than `max_pixels`, or has a codec that the library was built
// without.

bool is_heif(const std::vector<unsigned char>& bytes);  // HEIC or AVIF
cv::Mat decode_heif(const std::vector<unsigned char>& bytes, int64_t max_pixels);

bool is_gif(const std::vector<unsigned char>& bytes);
// The first frame of a GIF.
cv::Mat decode_gif_or_tga(const std::vector<unsigned char>& bytes, int64_t max_pixels);

}  // namespace lanner::datasets
