#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lanner/ops/api.h"

namespace lanner::datasets {

// Without white space at both ends.
std::string trimmed(const std::string& text);

// The lines of a small text file without white space at both ends; empty lines and a byte order
// mark are left out. Throws missing_file; bad_data for UTF-16.
LANNER_API std::vector<std::string> text_lines(const std::filesystem::path& file);

}  // namespace lanner::datasets
