#include "lanner/datasets/images/image_header.h"

#include <libexif/exif-data.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string_view>
#include <vector>

namespace lanner::datasets {
namespace {

using Bytes = std::span<const unsigned char>;

constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n";

bool has(Bytes bytes, size_t offset, std::string_view text) {
  return bytes.size() >= offset + text.size() &&
         std::equal(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset),
                    [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; });
}

// Unsigned integers of `count` bytes; the caller checks that they are there.
int64_t big_endian(Bytes bytes, size_t offset, size_t count) {
  int64_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | bytes[offset + i];
  return value;
}
int64_t little_endian(Bytes bytes, size_t offset, size_t count) {
  int64_t value = 0;
  for (size_t i = count; i-- > 0;) value = value << 8 | bytes[offset + i];
  return value;
}

std::optional<ImageSize> png_size(Bytes bytes) {
  if (bytes.size() < 24 || !has(bytes, 12, "IHDR")) return std::nullopt;
  return ImageSize{big_endian(bytes, 20, 4), big_endian(bytes, 16, 4)};
}

std::optional<ImageSize> bmp_size(Bytes bytes) {
  if (bytes.size() < 26) return std::nullopt;
  const auto header_size = little_endian(bytes, 14, 4);
  if (header_size == 12) return ImageSize{little_endian(bytes, 20, 2), little_endian(bytes, 18, 2)};
  if (header_size < 36) return std::nullopt;
  const auto height = static_cast<int32_t>(little_endian(bytes, 22, 4));  // negative: top-down
  return ImageSize{std::abs(int64_t{height}), little_endian(bytes, 18, 4)};
}

std::optional<ImageSize> webp_size(Bytes bytes) {
  if (bytes.size() < 30) return std::nullopt;
  if (has(bytes, 12, "VP8 ") && has(bytes, 23, "\x9d\x01\x2a"))
    return ImageSize{little_endian(bytes, 28, 2) & 0x3fff, little_endian(bytes, 26, 2) & 0x3fff};
  if (has(bytes, 12, "VP8L") && bytes[20] == 0x2f) {
    const auto bits = little_endian(bytes, 21, 4);
    return ImageSize{(bits >> 14 & 0x3fff) + 1, (bits & 0x3fff) + 1};
  }
  constexpr int kAnimation = 0x02, kExif = 0x08;
  if (has(bytes, 12, "VP8X") && !(bytes[20] & (kAnimation | kExif)))
    return ImageSize{little_endian(bytes, 27, 3) + 1, little_endian(bytes, 24, 3) + 1};
  return std::nullopt;
}

}  // namespace

int exif_orientation(Bytes bytes) {
  const std::unique_ptr<ExifData, decltype(&exif_data_unref)> data(
      exif_data_new_from_data(bytes.data(), static_cast<unsigned>(bytes.size())), exif_data_unref);
  if (!data) return 1;
  const auto* entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (!entry || entry->format != EXIF_FORMAT_SHORT || entry->components < 1) return 1;
  const int orientation = exif_get_short(entry->data, exif_data_get_byte_order(data.get()));
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

int png_orientation(const std::filesystem::path& file) {
  std::ifstream in;
  in.rdbuf()->pubsetbuf(nullptr, 0);  // a buffer would read the pixel data that seeking skips
  in.open(file, std::ios::binary | std::ios::ate);
  const int64_t file_size = in.tellg();
  std::array<unsigned char, 8> start{};
  const auto read_at = [&](int64_t offset, unsigned char* to, int64_t count) {
    return offset + count <= file_size && in.seekg(offset) &&
           in.read(reinterpret_cast<char*>(to), count);
  };
  if (!read_at(0, start.data(), 8) || !has(start, 0, kPngSignature)) return 1;
  // The eXIf chunk may come before or after the pixel data. Each chunk has a length, a type, data
  // and a checksum.
  for (int64_t chunk = 8, length = 0; read_at(chunk, start.data(), 8); chunk += length + 12) {
    length = big_endian(start, 0, 4);
    if (!has(start, 4, "eXIf")) continue;
    if (length > file_size - chunk) return 1;
    std::vector<unsigned char> block{'E', 'x', 'i', 'f', 0, 0};
    block.resize(6 + static_cast<size_t>(length));
    return read_at(chunk + 8, block.data() + 6, length) ? exif_orientation(block) : 1;
  }
  return 1;
}

int webp_orientation(Bytes bytes) {
  if (!has(bytes, 0, "RIFF") || !has(bytes, 8, "WEBP")) return 1;
  // Each chunk has a type, a length, and data padded to an even length.
  for (size_t chunk = 12; chunk + 8 <= bytes.size();) {
    const auto length = static_cast<size_t>(little_endian(bytes, chunk + 4, 4));
    if (length > bytes.size() - chunk - 8) return 1;
    if (has(bytes, chunk, "EXIF")) {
      const auto data = bytes.subspan(chunk + 8, length);
      std::vector<unsigned char> block{'E', 'x', 'i', 'f', 0, 0};
      block.insert(block.end(), data.begin() + (has(data, 0, {"Exif\0\0", 6}) ? 6 : 0), data.end());
      return exif_orientation(block);
    }
    chunk += 8 + length + length % 2;
  }
  return 1;
}

std::optional<ImageSize> size_from_header(Bytes bytes) {
  std::optional<ImageSize> size;
  if (has(bytes, 0, kPngSignature))
    size = png_size(bytes);
  else if (has(bytes, 0, "BM"))
    size = bmp_size(bytes);
  else if (has(bytes, 0, "RIFF") && has(bytes, 8, "WEBP"))
    size = webp_size(bytes);
  constexpr int64_t kMaxSide = 0x7fffffff;
  const bool valid = size && std::min(size->width, size->height) > 0 &&
                     std::max(size->width, size->height) <= kMaxSide;
  return valid ? size : std::nullopt;
}

}  // namespace lanner::datasets
