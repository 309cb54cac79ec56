#include "lanner/detectors/training/progress.h"

#include <unistd.h>

#include <cmath>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lanner/datasets/error.h"

namespace lanner::detectors {

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

MetricsLog::MetricsLog(const std::filesystem::path& file, int64_t step) {
  std::string kept;
  if (step > 0) {
    // What a run wrote after its last checkpoint, before it was killed, will be written again.
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

void MetricsLog::write(const Numbers& numbers) {
  nlohmann::ordered_json line = nlohmann::ordered_json::object();
  for (const auto& [name, value] : numbers) {
    if (value == std::floor(value) && std::abs(value) < 1e15)
      line[name] = static_cast<int64_t>(value);
    else
      line[name] = value;
  }
  out_ << line.dump() << std::endl;
}

ProgressLine::ProgressLine(std::string what)
    : what_(std::move(what)), terminal_(isatty(STDERR_FILENO)) {}

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
  line << what_ << " " << std::setw(3) << static_cast<int>(100 * fraction) << " %";
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
