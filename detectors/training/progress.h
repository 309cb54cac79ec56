#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace lanner::detectors {

double seconds();  // of a clock that never goes back

using Numbers = std::vector<std::pair<std::string, double>>;  // shown in this order

// RUN/metrics.jsonl: one JSON object a line.
class MetricsLog {
 public:
  // Begins anew at step 0; a resumed run keeps the lines up to its step. Throws io_error.
  MetricsLog(const std::filesystem::path& file, int64_t step);
  void write(const Numbers& numbers);

 private:
  std::ofstream out_;
};

// One line on a terminal that is written over; a plain line now and then when piped. To stderr,
// since stdout is for results.
class ProgressLine {
 public:
  explicit ProgressLine(std::string what);
  ~ProgressLine();
  // fraction: 0..1 of the work; `detail` follows it and the time left.
  void show(double fraction, const std::string& detail, bool last = false);

 private:
  std::string what_;
  bool terminal_, open_ = false;
  double shown_at_ = -1e9;  // seconds
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  double first_fraction_ = -1;
};

}  // namespace lanner::detectors
