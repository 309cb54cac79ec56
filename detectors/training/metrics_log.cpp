#include "lanner/detectors/training/metrics_log.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"

namespace lanner::detectors {
namespace fs = std::filesystem;
namespace {

// Without what a killed run wrote after its last checkpoint: the resumed one writes it again.
std::string kept_lines(const fs::path& file, int64_t last_step) {
  std::string kept;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto entry = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (entry.is_object() && entry.value("step", last_step + 1) <= last_step) kept += line + "\n";
  }
  return kept;
}

// The evaluations among the lines of a metrics.jsonl as a table. What some of them did not measure
// is empty there: options of evaluations may change when a run is resumed.
std::string table_of(const fs::path& lines) {
  std::vector<nlohmann::ordered_json> rows;
  std::vector<std::string> columns;
  std::ifstream in(lines);
  for (std::string line; std::getline(in, line);) {
    if (line.find("\"val_") == std::string::npos) continue;
    rows.push_back(nlohmann::ordered_json::parse(line));
    for (const auto& [name, value] : rows.back().items())
      if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(name);
  }
  std::string table = c10::Join(",", columns) + "\n";
  for (const auto& row : rows) {
    std::string text;
    for (const auto& name : columns)
      text += (text.empty() ? "" : ",") + (row.contains(name) ? row[name].dump() : "");
    table += text + "\n";
  }
  return table;
}

fs::path made(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  return folder;
}

}  // namespace

MetricsLog::MetricsLog(const fs::path& folder, int64_t step)
    : lines_file_(made(folder) / "metrics.jsonl"),
      table_file_(folder / "results.csv"),
      events_(folder, step) {
  const auto kept = step > 0 ? kept_lines(lines_file_, step) : "";
  lines_.open(lines_file_, std::ios::trunc);
  write_lines(kept);
}

void MetricsLog::write(const Metrics& metrics) {
  nlohmann::ordered_json line = nlohmann::ordered_json::object();
  for (const auto& [name, value] : metrics) {
    if (value == std::floor(value) && std::abs(value) < 1e15)
      line[name] = static_cast<int64_t>(value);
    else
      line[name] = value;
  }
  write_lines(line.dump() + "\n");
  events_.write(static_cast<int64_t>(metrics.front().second), {metrics.begin() + 1, metrics.end()});
}

void MetricsLog::write_evaluation(const Metrics& metrics) {
  write(metrics);
  datasets::write_file(table_file_, table_of(lines_file_));
}

void MetricsLog::write_lines(const std::string& lines) {
  errno = 0;
  lines_ << lines << std::flush;
  if (!lines_)
    throw io_error(lines_file_.string() + ": cannot be written" + (errno ? ": " : "") +
                   (errno ? std::strerror(errno) : ""));
}

}  // namespace lanner::detectors
