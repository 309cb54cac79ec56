#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace lanner::datasets {

// Reads a JSON file into memory. Throws missing_file and io_error; bad_data naming the file and the
// position of a syntax error.
nlohmann::json read_json(const std::filesystem::path& file);

}  // namespace lanner::datasets
