#include "lanner/datasets/image.h"

#include <libexif/exif-data.h>
#include <turbojpeg.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "lanner/datasets/error.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kMostPixels = 200'000'000;

using Bytes = std::vector<unsigned char>;

bool is_jpeg(const Bytes& bytes) {
  return bytes.size() > 3 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF;
}

// Before anything is allocated for them.
void check_pixels(const fs::path& file, int64_t width, int64_t height) {
  if (width * height > kMostPixels)
    throw bad_data(file.string() + ": image: " + std::to_string(width) + " x " +
                   std::to_string(height) + " is more than 200 million pixels");
}

// 1 to 8 as in the EXIF standard; 1, upright, where there is none.
int orientation(const Bytes& bytes) {
  const std::unique_ptr<ExifData, decltype(&exif_data_unref)> data(
      exif_data_new_from_data(bytes.data(), static_cast<unsigned>(bytes.size())), exif_data_unref);
  if (!data) return 1;
  const auto* entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (!entry || entry->format != EXIF_FORMAT_SHORT || entry->components < 1) return 1;
  return exif_get_short(entry->data, exif_data_get_byte_order(data.get()));
}

void turn_upright(cv::Mat& image, int orientation) {
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
  int width = 0, height = 0, colours = 0;
};

JpegHeader jpeg_header(const fs::path& file, const Bytes& bytes, tjhandle handle) {
  JpegHeader header;
  int sampling = 0;
  if (tjDecompressHeader3(handle, bytes.data(), bytes.size(), &header.width, &header.height,
                          &sampling, &header.colours))
    throw bad_data(file.string() + ": image: " + tjGetErrorStr2(handle));
  check_pixels(file, header.width, header.height);
  return header;
}

// The smallest of 1, 1/2, 1/4 and 1/8 that keeps the short side at `short_side` or more.
tjscalingfactor scaling(const JpegHeader& header, int short_side) {
  int divisor = 1;
  while (short_side > 0 && divisor < 8 &&
         std::min(header.width, header.height) / (divisor * 2) >= short_side)
    divisor *= 2;
  return {1, divisor};
}

// Adobe's CMYK, inverted as every program writes it.
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

Image decode_jpeg(const fs::path& file, const Bytes& bytes, int short_side) {
  const Decoder decoder;
  const auto header = jpeg_header(file, bytes, decoder.handle);
  const auto factor = scaling(header, short_side);
  const bool cmyk = header.colours == TJCS_CMYK || header.colours == TJCS_YCCK;
  cv::Mat pixels(TJSCALED(header.height, factor), TJSCALED(header.width, factor),
                 cmyk ? CV_8UC4 : CV_8UC3);
  if (tjDecompress2(decoder.handle, bytes.data(), bytes.size(), pixels.data, pixels.cols,
                    static_cast<int>(pixels.step), pixels.rows, cmyk ? TJPF_CMYK : TJPF_RGB,
                    TJFLAG_STOPONWARNING))
    throw bad_data(file.string() + ": image: " + tjGetErrorStr2(decoder.handle));
  Image image{cmyk ? cmyk_to_rgb(pixels) : pixels, header.width, header.height, 1};
  const int turn = orientation(bytes);
  turn_upright(image.rgb, turn);
  image.orientation = turn;
  if (turn >= 5) std::swap(image.width, image.height);
  return image;
}

// Small files can claim to be huge: a PNG says its sides at bytes 16 and 20, the first high.
void check_png_pixels(const fs::path& file, const Bytes& bytes) {
  if (bytes.size() < 24 || bytes[0] != 0x89 || bytes[1] != 'P' || bytes[2] != 'N') return;
  const auto side = [&](size_t at) {
    return int64_t{bytes[at]} << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
  };
  check_pixels(file, side(16), side(20));
}

Image decode_other(const fs::path& file, const Bytes& bytes) {
  check_png_pixels(file, bytes);
  Image image;
  try {
    image.rgb = cv::imdecode(bytes, cv::IMREAD_COLOR);
  } catch (const cv::Exception& error) {
    throw bad_data(file.string() + ": image: " + error.err);
  }
  if (image.rgb.empty())
    throw bad_data(file.string() + ": image: not an image, or one that is damaged");
  cv::cvtColor(image.rgb, image.rgb, cv::COLOR_BGR2RGB);
  image.width = image.rgb.cols, image.height = image.rgb.rows;
  return image;
}

}  // namespace

std::vector<unsigned char> read_bytes(const fs::path& file) {
  if (!fs::is_regular_file(file)) throw missing_file(file.string() + ": no such file");
  std::ifstream in(file, std::ios::binary);
  std::vector<unsigned char> bytes(fs::file_size(file));
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!in) throw io_error(file.string() + ": cannot be read");
  if (bytes.empty()) throw bad_data(file.string() + ": image: the file is empty");
  return bytes;
}

Image read_image(const fs::path& file, int short_side) {
  const auto bytes = read_bytes(file);
  return is_jpeg(bytes) ? decode_jpeg(file, bytes, short_side) : decode_other(file, bytes);
}

cv::Size image_size(const fs::path& file) {
  const auto bytes = read_bytes(file);
  if (!is_jpeg(bytes)) {
    const auto image = decode_other(file, bytes);
    return {image.width, image.height};
  }
  const Decoder decoder;
  const auto header = jpeg_header(file, bytes, decoder.handle);
  return orientation(bytes) >= 5 ? cv::Size{header.height, header.width}
                                 : cv::Size{header.width, header.height};
}

void write_image(const fs::path& file, const cv::Mat& rgb) {
  std::error_code error;
  if (file.has_parent_path()) fs::create_directories(file.parent_path(), error);
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  bool written = false;
  try {
    written = cv::imwrite(file.string(), bgr, {cv::IMWRITE_JPEG_QUALITY, 92});
  } catch (const cv::Exception& failure) {
    throw io_error(file.string() + ": cannot be written: " + failure.err);
  }
  if (!written) throw io_error(file.string() + ": cannot be written");
}

bool is_image_name(const fs::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  constexpr std::array known{".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm"};
  return std::find(known.begin(), known.end(), extension) != known.end();
}

std::vector<fs::path> list_images(const fs::path& place) {
  if (!fs::exists(place)) throw missing_file(place.string() + ": no such file or folder");
  if (!fs::is_directory(place)) return {place};
  std::vector<fs::path> files;
  for (const auto& entry :
       fs::recursive_directory_iterator(place, fs::directory_options::follow_directory_symlink |
                                                   fs::directory_options::skip_permission_denied))
    if (entry.is_regular_file() && is_image_name(entry.path())) files.push_back(entry.path());
  if (files.empty()) throw bad_data(place.string() + ": holds no images");
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace lanner::datasets
