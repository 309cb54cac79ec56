#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace lanner::detectors {

using Metrics =
    std::vector<std::pair<std::string, double>>;  // in the order in which they are shown

// RUN/metrics.jsonl: one JSON object per line.
class MetricsLog {
 public:
  // Starts anew at step 0; a resumed run keeps the lines up to its step. Throws io_error.
  MetricsLog(const std::filesystem::path& file, int64_t step);
  void write(const Metrics& metrics);

 private:
  std::ofstream out_;
};

}  // namespace lanner::detectors
