#include "lanner/datasets/reading/json_file.h"

#include <fstream>

#include "lanner/datasets/error.h"

namespace lanner::datasets {

nlohmann::json read_json(const std::filesystem::path& file) {
  if (!std::filesystem::is_regular_file(file)) throw missing_file(file.string() + ": no such file");
  std::ifstream in(file);
  if (!in) throw io_error(file.string() + ": cannot be read");
  try {
    return nlohmann::json::parse(in);
  } catch (const nlohmann::json::exception& error) {
    throw bad_data(file.string() + ": JSON: " + error.what());
  }
}

}  // namespace lanner::datasets
