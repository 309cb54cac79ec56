#pragma once

#include <filesystem>
#include <opencv2/core/mat.hpp>
#include <vector>

#include "lanner/datasets/images/image_files.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

struct Image {
  cv::Mat rgb;                // CV_8UC3, EXIF orientation applied
  int width = 0, height = 0;  // full size, before scaled decoding
  int orientation = 1;        // EXIF orientation of a JPEG or WebP, already applied; 5..8 swap
                              // the sides
};

// Reads a file. Throws missing_file, io_error, or bad_data if it is empty.
LANNER_API std::vector<unsigned char> read_bytes(const std::filesystem::path& file);

// Decodes JPEG, PNG, BMP, WebP, TIFF, GIF (the first frame), JPEG 2000, PNM, TGA, AVIF and HEIC,
// told apart by content. JPEGs are decoded by libjpeg-turbo with warnings as errors, so that
// truncated files are rejected. 16-bit channels become 8-bit, alpha is dropped, and gray is
// repeated in three channels. A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as its
// short side is at least `short_side` (0: always full size). Throws missing_file, io_error and
// bad_data, naming the file.
LANNER_API Image read_image(const std::filesystem::path& file, int short_side = 0);

// The same for a file's content of at most `max_pixels`; `name` stands for it in errors. Throws
// bad_data.
LANNER_API Image decode_image(const std::vector<unsigned char>& bytes, const std::string& name,
                              int short_side, int64_t max_pixels);

// Size of the image that read_image returns, EXIF orientation applied. For JPEG, PNG, BMP and WebP
// only headers are parsed, so damaged pixel data is not noticed; other formats are decoded. Throws
// as read_image does.
LANNER_API cv::Size image_size(const std::filesystem::path& file);

// The content of a JPEG file. rgb: CV_8UC3.
LANNER_API std::vector<unsigned char> encode_jpeg(const cv::Mat& rgb);

// The file extension selects the format. The file is written whole or not at all. Throws io_error
// with the reason.
LANNER_API void write_image(const std::filesystem::path& file, const cv::Mat& rgb);

}  // namespace lanner::datasets
