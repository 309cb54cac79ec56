#include "lanner/detectors/training/metrics_log.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace fs = std::filesystem;
namespace {

// A file without what a killed run wrote after its last checkpoint: the resumed one writes it
// again.
template <typename IsKept>
std::string kept_lines(const fs::path& file, const IsKept& is_kept) {
  std::string kept;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (is_kept(line)) kept += line + "\n";
  return kept;
}

bool is_json_up_to(const std::string& line, int64_t step) {
  const auto entry = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  return entry.is_object() && entry.value("step", step + 1) <= step;
}

bool is_row_up_to(const std::string& line, int64_t step) {
  int64_t value = step + 1;
  std::from_chars(line.data(), line.data() + line.size(), value);
  return value <= step || line.starts_with("step");
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
  std::string lines, table;
  if (step > 0) {
    lines = kept_lines(lines_file_, [&](const auto& line) { return is_json_up_to(line, step); });
    table = kept_lines(table_file_, [&](const auto& line) { return is_row_up_to(line, step); });
  }
  lines_.open(lines_file_, std::ios::trunc);
  write_line(lines_, lines_file_, lines);
  if (table.empty()) return;
  table_.open(table_file_, std::ios::trunc);
  write_line(table_, table_file_, table);
}

void MetricsLog::write(const Metrics& metrics) {
  nlohmann::ordered_json line = nlohmann::ordered_json::object();
  for (const auto& [name, value] : metrics) {
    if (value == std::floor(value) && std::abs(value) < 1e15)
      line[name] = static_cast<int64_t>(value);
    else
      line[name] = value;
  }
  write_line(lines_, lines_file_, line.dump() + "\n");
  events_.write(static_cast<int64_t>(metrics.front().second), {metrics.begin() + 1, metrics.end()});
}

void MetricsLog::write_evaluation(const Metrics& metrics) {
  write(metrics);
  std::string names, values;
  for (const auto& [name, value] : metrics) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    names += (names.empty() ? "" : ",") + name;
    values += (values.empty() ? "" : ",") + std::string(text, end);
  }
  if (!table_.is_open()) {
    table_.open(table_file_, std::ios::trunc);
    values = names + "\n" + values;
  }
  write_line(table_, table_file_, values + "\n");
}

void MetricsLog::write_line(std::ofstream& out, const fs::path& file, const std::string& line) {
  errno = 0;
  out << line << std::flush;
  if (!out)
    throw io_error(file.string() + ": cannot be written" + (errno ? ": " : "") +
                   (errno ? std::strerror(errno) : ""));
}

}  // namespace lanner::detectors
