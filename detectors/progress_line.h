#pragma once

#include <chrono>
#include <string>

#include "lanner/ops/api.h"

namespace lanner::detectors {

double seconds();  // of a clock that never goes back

// Progress on stderr, as stdout is for results: one line that is overwritten on a terminal, else a
// plain line every 15 seconds.
class LANNER_API ProgressLine {
 public:
  explicit ProgressLine(std::string name);
  ~ProgressLine();
  // fraction: of the work, 0..1. `detail` follows it and the remaining time.
  void show(double fraction, const std::string& detail, bool last = false);

 private:
  std::string name_;
  bool terminal_, open_ = false;
  double shown_at_ = -1e9;  // seconds
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  double first_fraction_ = -1;
};

}  // namespace lanner::detectors
