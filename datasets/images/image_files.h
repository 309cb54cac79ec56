#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lanner/ops/api.h"

namespace lanner::datasets {

// ".jpg" for "a/B.JPG".
LANNER_API std::string lower_extension(const std::filesystem::path& file);

// Whether the extension is that of a type that read_image decodes.
LANNER_API bool is_image_name(const std::filesystem::path& file);
// Whether the extension is that of a type that write_image writes.
LANNER_API bool can_write_image(const std::filesystem::path& file);

// Image files in a folder and its subfolders, sorted by path. Links to folders are followed.
LANNER_API std::vector<std::filesystem::path> images_under(const std::filesystem::path& folder);

// images_under(path); a file yields itself. Prints a note to stderr about other files in the
// folder. Throws missing_file if `path` does not exist, and bad_data if it holds no images.
LANNER_API std::vector<std::filesystem::path> list_images(const std::filesystem::path& path);

// "3 of 10 images under FOLDER" for the images that are not among `used`; empty if all are.
std::string describe_unused(const std::filesystem::path& folder,
                            const std::vector<std::filesystem::path>& used);

enum class FileKinds { all, no_images, neither_images_nor_annotations };

// The files in a folder and its subfolders by extension, most frequent first: "448 .jpg, 448 .txt".
// Empty if there are none.
std::string describe_files(const std::filesystem::path& folder, FileKinds kinds);

}  // namespace lanner::datasets
