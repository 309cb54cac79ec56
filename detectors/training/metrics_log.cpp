#include "lanner/detectors/training/metrics_log.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"

namespace lanner::detectors {

MetricsLog::MetricsLog(const std::filesystem::path& file, int64_t step) {
  std::string kept;
  if (step > 0) {
    // A killed run wrote lines after its last checkpoint; the resumed one writes them again.
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
      const auto entry = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (entry.is_object() && entry.value("step", step + 1) <= step) kept += line + "\n";
    }
  }
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  out_.open(file, std::ios::trunc);
  out_ << kept << std::flush;
  if (!out_) throw io_error(file.string() + ": cannot be written");
}

void MetricsLog::write(const Metrics& metrics) {
  nlohmann::ordered_json line = nlohmann::ordered_json::object();
  for (const auto& [name, value] : metrics) {
    if (value == std::floor(value) && std::abs(value) < 1e15)
      line[name] = static_cast<int64_t>(value);
    else
      line[name] = value;
  }
  out_ << line.dump() << std::endl;
}

}  // namespace lanner::detectors
