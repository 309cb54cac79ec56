#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>

#include "lanner/datasets/sample.h"

namespace lanner::datasets {

// EXIF orientation, 1..8, of a JPEG file or of a block that begins with "Exif\0\0"; 1 if absent.
int exif_orientation(std::span<const unsigned char> bytes);

// EXIF orientation of a PNG file, 1..8; 1 for other files and if absent.
int png_orientation(const std::filesystem::path& file);

// EXIF orientation of a WebP file, 1..8; 1 for other files and if absent.
int webp_orientation(std::span<const unsigned char> bytes);

inline constexpr size_t kHeaderBytes = 32;

// Image size before EXIF orientation, from the first kHeaderBytes bytes of a PNG, BMP or WebP file.
// Returns nullopt for other formats, for damaged headers, and for WebP files with an animation or
// EXIF data, because versions of OpenCV decode these differently.
std::optional<ImageSize> size_from_header(std::span<const unsigned char> bytes);

}  // namespace lanner::datasets
