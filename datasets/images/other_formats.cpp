#include "lanner/datasets/images/other_formats.h"

#include <libheif/heif.h>
#include <stb/stb_image.h>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace lanner::datasets {
namespace {

using Bytes = std::vector<unsigned char>;

std::string_view text_at(const Bytes& bytes, size_t offset, size_t count) {
  if (bytes.size() < offset + count) return {};
  return {reinterpret_cast<const char*>(bytes.data()) + offset, count};
}

void check(const heif_error& error) {
  if (error.code == heif_error_Unsupported_feature || error.code == heif_error_Unsupported_filetype)
    throw std::runtime_error(std::string("this type is not supported: ") + error.message);
  if (error.code != heif_error_Ok) throw std::runtime_error(error.message);
}

void check_pixels(int64_t width, int64_t height, int64_t max_pixels) {
  if (width * height > max_pixels)
    throw std::runtime_error(std::to_string(width) + " x " + std::to_string(height) +
                             " is more than " + std::to_string(max_pixels / 1'000'000) +
                             " million pixels");
}

}  // namespace

bool is_heif(const Bytes& bytes) {
  constexpr std::array<std::string_view, 10> brands{"heic", "heix", "heim", "heis", "hevc",
                                                    "mif1", "msf1", "avif", "avis", "miaf"};
  return text_at(bytes, 4, 4) == "ftyp" &&
         std::find(brands.begin(), brands.end(), text_at(bytes, 8, 4)) != brands.end();
}

cv::Mat decode_heif(const Bytes& bytes, int64_t max_pixels) {
  const std::unique_ptr<heif_context, decltype(&heif_context_free)> context(heif_context_alloc(),
                                                                            heif_context_free);
  check(heif_context_read_from_memory_without_copy(context.get(), bytes.data(), bytes.size(),
                                                   nullptr));
  heif_image_handle* opened = nullptr;
  check(heif_context_get_primary_image_handle(context.get(), &opened));
  const std::unique_ptr<heif_image_handle, decltype(&heif_image_handle_release)> handle(
      opened, heif_image_handle_release);
  check_pixels(heif_image_handle_get_width(opened), heif_image_handle_get_height(opened),
               max_pixels);
  heif_image* decoded = nullptr;
  check(heif_decode_image(opened, &decoded, heif_colorspace_RGB, heif_chroma_interleaved_RGB,
                          nullptr));
  const std::unique_ptr<heif_image, decltype(&heif_image_release)> image(decoded,
                                                                         heif_image_release);
  int stride = 0;
  const uint8_t* pixels = heif_image_get_plane_readonly(decoded, heif_channel_interleaved, &stride);
  const int width = heif_image_get_width(decoded, heif_channel_interleaved),
            height = heif_image_get_height(decoded, heif_channel_interleaved);
  return cv::Mat(height, width, CV_8UC3, const_cast<uint8_t*>(pixels), static_cast<size_t>(stride))
      .clone();
}

bool is_gif(const Bytes& bytes) { return text_at(bytes, 0, 4) == "GIF8"; }

cv::Mat decode_gif_or_tga(const Bytes& bytes, int64_t max_pixels) {
  const int size = static_cast<int>(bytes.size());
  int width = 0, height = 0, channels = 0;
  if (stbi_info_from_memory(bytes.data(), size, &width, &height, &channels))
    check_pixels(width, height, max_pixels);
  const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> pixels(
      stbi_load_from_memory(bytes.data(), size, &width, &height, &channels, 3), stbi_image_free);
  if (!pixels) throw std::runtime_error(stbi_failure_reason());
  return cv::Mat(height, width, CV_8UC3, pixels.get()).clone();
}

}  // namespace lanner::datasets
