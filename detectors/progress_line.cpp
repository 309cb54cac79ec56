#include "lanner/detectors/progress_line.h"

#include <unistd.h>

#include <iomanip>
#include <iostream>
#include <sstream>

namespace lanner::detectors {

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

ProgressLine::ProgressLine(std::string name)
    : name_(std::move(name)), terminal_(isatty(STDERR_FILENO)) {}

ProgressLine::~ProgressLine() {
  if (open_) std::cerr << "\n";
}

void ProgressLine::show(double fraction, const std::string& detail, bool last) {
  const double now =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  if (first_fraction_ < 0) first_fraction_ = fraction;
  if (!last && now - shown_at_ < (terminal_ ? 0.2 : 15)) return;
  shown_at_ = now;
  std::ostringstream line;
  line << name_ << " " << std::setw(3) << static_cast<int>(100 * fraction) << " %";
  if (!last && fraction > first_fraction_ && now > 1) {
    const int left =
        static_cast<int>(now * (1 - fraction) / std::max(1e-9, fraction - first_fraction_));
    line << ", " << left / 60 << ":" << std::setfill('0') << std::setw(2) << left % 60 << " left";
  }
  line << "  " << detail;
  if (terminal_)
    std::cerr << "\r\033[K" << line.str() << std::flush;
  else
    std::cerr << line.str() << std::endl;
  open_ = terminal_ && !last;
  if (terminal_ && last) std::cerr << "\n";
}

}  // namespace lanner::detectors
