#pragma once

#include <filesystem>
#include <opencv2/core/mat.hpp>
#include <vector>

namespace lanner::datasets {

struct Image {
  cv::Mat rgb;                // CV_8UC3, EXIF orientation applied
  int width = 0, height = 0;  // before scaled decoding
  int orientation = 1;        // EXIF's, that was applied: 1 upright, from 5 on sides are swapped
};

// A whole file. Throws missing_file, io_error; bad_data where it is empty.
std::vector<unsigned char> read_bytes(const std::filesystem::path& file);

// Decodes any image that OpenCV reads; JPEG through libjpeg-turbo, whose warnings are errors, since
// a truncated file is not a whole one. Sixteen bits become eight, alpha is dropped, grey is spread
// over three channels. A JPEG may come back at 1/2, 1/4 or 1/8 of its size, its short side no less
// than `short_side` (0: as it is). Throws missing_file and bad_data with the file's name.
Image read_image(const std::filesystem::path& file, int short_side = 0);

// Size of a JPEG from its header, or by decoding; orientation applied.
cv::Size image_size(const std::filesystem::path& file);

// Writes by extension. Throws io_error.
void write_image(const std::filesystem::path& file, const cv::Mat& rgb);

// The image files in a folder and below it, in order of name; a single file is itself. Throws
// missing_file where there is no such place, bad_data where it holds no image.
std::vector<std::filesystem::path> list_images(const std::filesystem::path& place);

bool is_image_name(const std::filesystem::path& file);

}  // namespace lanner::datasets
