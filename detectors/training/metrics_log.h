#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "lanner/detectors/training/event_file.h"

namespace lanner::detectors {

using Metrics =
    std::vector<std::pair<std::string, double>>;  // in the order in which they are shown

// What a run measures: RUN/metrics.jsonl, a JSON object per line; RUN/results.csv, a row per
// evaluation; and RUN/events.out.tfevents.*, for TensorBoard. Every write is checked.
class MetricsLog {
 public:
  // Starts anew at step 0; a resumed run keeps what it had up to its step. Throws io_error, as
  // writing does.
  MetricsLog(const std::filesystem::path& folder, int64_t step);
  // The first metric is the step.
  void write(const Metrics& metrics);
  void write_evaluation(const Metrics& metrics);

 private:
  void write_lines(const std::string& lines);

  const std::filesystem::path lines_file_, table_file_;
  std::ofstream lines_;
  EventFile events_;
};

}  // namespace lanner::detectors
