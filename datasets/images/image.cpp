#include "lanner/datasets/images/image.h"

#include <turbojpeg.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>
#include <utility>

#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"
#include "lanner/datasets/images/image_header.h"
#include "lanner/datasets/images/other_formats.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kMaxPixels = 200'000'000;

using Bytes = std::vector<unsigned char>;

Bytes read_start(const fs::path& file, size_t max_bytes) {
  if (std::error_code too_long; !fs::is_regular_file(file, too_long))
    throw missing_file(file.string() + (fs::is_directory(file, too_long)
                                            ? ": expected an image, got a folder"
                                            : ": no such file"));
  std::ifstream in(file, std::ios::binary);
  Bytes bytes(std::min<size_t>(fs::file_size(file), max_bytes));
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!in) throw io_error(file.string() + ": cannot be read");
  if (bytes.empty()) throw bad_data(file.string() + ": image: the file is empty");
  return bytes;
}

bool is_jpeg(const Bytes& bytes) {
  return bytes.size() > 3 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF;
}

// A small file can claim a huge image, so this is checked before memory is allocated.
void check_pixels(const fs::path& file, int64_t width, int64_t height,
                  int64_t max_pixels = kMaxPixels) {
  if (width * height > max_pixels)
    throw bad_data(file.string() + ": image: " + std::to_string(width) + " x " +
                   std::to_string(height) + " is more than " +
                   std::to_string(max_pixels / 1'000'000) + " million pixels");
}

void apply_orientation(cv::Mat& image, int orientation) {
  switch (orientation) {
    case 2:
      cv::flip(image, image, 1);
      break;
    case 3:
      cv::rotate(image, image, cv::ROTATE_180);
      break;
    case 4:
      cv::flip(image, image, 0);
      break;
    case 5:
      cv::transpose(image, image);
      break;
    case 6:
      cv::rotate(image, image, cv::ROTATE_90_CLOCKWISE);
      break;
    case 7:
      cv::transpose(image, image), cv::rotate(image, image, cv::ROTATE_180);
      break;
    case 8:
      cv::rotate(image, image, cv::ROTATE_90_COUNTERCLOCKWISE);
      break;
    default:
      break;
  }
}

struct Decoder {
  tjhandle handle = tjInitDecompress();
  Decoder() = default;
  Decoder(const Decoder&) = delete;
  ~Decoder() { tjDestroy(handle); }
};

struct JpegHeader {
  int width = 0, height = 0, colors = 0;
};

JpegHeader jpeg_header(const fs::path& file, const Bytes& bytes, tjhandle handle,
                       int64_t max_pixels = kMaxPixels) {
  JpegHeader header;
  int sampling = 0;
  if (tjDecompressHeader3(handle, bytes.data(), bytes.size(), &header.width, &header.height,
                          &sampling, &header.colors))
    throw bad_data(file.string() + ": image: " + tjGetErrorStr2(handle));
  check_pixels(file, header.width, header.height, max_pixels);
  return header;
}

// The smallest of 1, 1/2, 1/4 and 1/8 at which the short side is at least `short_side`.
tjscalingfactor scaling(const JpegHeader& header, int short_side) {
  int divisor = 1;
  while (short_side > 0 && divisor < 8 &&
         std::min(header.width, header.height) / (divisor * 2) >= short_side)
    divisor *= 2;
  return {1, divisor};
}

// Adobe programs write CMYK inverted: 255 means no ink.
cv::Mat cmyk_to_rgb(const cv::Mat& cmyk) {
  cv::Mat rgb(cmyk.rows, cmyk.cols, CV_8UC3);
  for (int y = 0; y < cmyk.rows; ++y)
    for (int x = 0; x < cmyk.cols; ++x) {
      const auto& p = cmyk.at<cv::Vec4b>(y, x);
      for (int c = 0; c < 3; ++c)
        rgb.at<cv::Vec3b>(y, x)[c] = static_cast<uchar>(p[c] * p[3] / 255);
    }
  return rgb;
}

Image decode_jpeg(const fs::path& file, const Bytes& bytes, int short_side, int64_t max_pixels) {
  const Decoder decoder;
  const auto header = jpeg_header(file, bytes, decoder.handle, max_pixels);
  const auto factor = scaling(header, short_side);
  const bool cmyk = header.colors == TJCS_CMYK || header.colors == TJCS_YCCK;
  cv::Mat pixels(TJSCALED(header.height, factor), TJSCALED(header.width, factor),
                 cmyk ? CV_8UC4 : CV_8UC3);
  const auto decode = [&](int flags) {
    return tjDecompress2(decoder.handle, bytes.data(), bytes.size(), pixels.data, pixels.cols,
                         static_cast<int>(pixels.step), pixels.rows, cmyk ? TJPF_CMYK : TJPF_RGB,
                         flags) == 0;
  };
  if (!decode(TJFLAG_STOPONWARNING)) {
    // Bytes between the pixels and the end marker, 0xd9, are harmless: nothing is missing.
    const std::string warning = tjGetErrorStr2(decoder.handle);
    if (warning.find("extraneous bytes before marker 0xd9") == std::string::npos)
      throw bad_data(file.string() + ": image: " + warning);
    decode(0);
  }
  Image image{cmyk ? cmyk_to_rgb(pixels) : pixels, header.width, header.height, 1};
  image.orientation = exif_orientation(bytes);
  apply_orientation(image.rgb, image.orientation);
  if (image.orientation >= 5) std::swap(image.width, image.height);
  return image;
}

// Empty if the file is no image.
cv::Mat decode_rgb(const fs::path& file, const Bytes& bytes, int64_t max_pixels) {
  if (is_heif(bytes)) return decode_heif(bytes, max_pixels);
  if (is_gif(bytes)) return decode_gif_or_tga(bytes, max_pixels);
  cv::Mat rgb = cv::imdecode(bytes, cv::IMREAD_COLOR);
  if (!rgb.empty()) cv::cvtColor(rgb, rgb, cv::COLOR_BGR2RGB);
  // TGA has no signature.
  return rgb.empty() && lower_extension(file) == ".tga" ? decode_gif_or_tga(bytes, max_pixels)
                                                        : rgb;
}

Image decode_other(const fs::path& file, const Bytes& bytes, int64_t max_pixels = kMaxPixels) {
  if (const auto size = size_from_header(bytes))
    check_pixels(file, size->width, size->height, max_pixels);
  Image image;
  try {
    image.rgb = decode_rgb(file, bytes, max_pixels);
  } catch (const cv::Exception& error) {
    throw bad_data(file.string() + ": image: " + error.err);
  } catch (const std::runtime_error& error) {
    throw bad_data(file.string() + ": image: " + error.what());
  }
  if (image.rgb.empty()) throw bad_data(file.string() + ": image: not an image, or damaged");
  // OpenCV applies the orientation of PNG and TIFF files itself.
  image.orientation = webp_orientation(bytes);
  apply_orientation(image.rgb, image.orientation);
  image.width = image.rgb.cols, image.height = image.rgb.rows;
  return image;
}

}  // namespace

std::vector<unsigned char> read_bytes(const fs::path& file) {
  return read_start(file, std::numeric_limits<size_t>::max());
}

Image read_image(const fs::path& file, int short_side) {
  return decode_image(read_bytes(file), file.string(), short_side, kMaxPixels);
}

Image decode_image(const std::vector<unsigned char>& bytes, const std::string& name, int short_side,
                   int64_t max_pixels) {
  return is_jpeg(bytes) ? decode_jpeg(name, bytes, short_side, max_pixels)
                        : decode_other(name, bytes, max_pixels);
}

std::vector<unsigned char> encode_jpeg(const cv::Mat& rgb) {
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  Bytes bytes;
  cv::imencode(".jpg", bgr, bytes, {cv::IMWRITE_JPEG_QUALITY, 92});
  return bytes;
}

cv::Size image_size(const fs::path& file) {
  if (auto size = size_from_header(read_start(file, kHeaderBytes))) {
    check_pixels(file, size->width, size->height);
    if (png_orientation(file) >= 5) std::swap(size->width, size->height);
    return {static_cast<int>(size->width), static_cast<int>(size->height)};
  }
  const auto bytes = read_bytes(file);
  if (!is_jpeg(bytes)) {
    const auto image = decode_other(file, bytes);
    return {image.width, image.height};
  }
  const Decoder decoder;
  const auto header = jpeg_header(file, bytes, decoder.handle);
  return exif_orientation(bytes) >= 5 ? cv::Size{header.height, header.width}
                                      : cv::Size{header.width, header.height};
}

void write_image(const fs::path& file, const cv::Mat& rgb) {
  if (!can_write_image(file))
    throw io_error(file.string() + ": cannot be written: \"" + file.extension().string() +
                   "\" is no type that lanner writes");
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  Bytes bytes;
  try {
    cv::imencode(file.extension().string(), bgr, bytes, {cv::IMWRITE_JPEG_QUALITY, 92});
  } catch (const cv::Exception& failure) {
    throw io_error(file.string() + ": cannot be written: " + failure.err);
  }
  write_file(file, {bytes.begin(), bytes.end()});
}

}  // namespace lanner::datasets
