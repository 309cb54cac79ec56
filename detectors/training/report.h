#pragma once

#include <filesystem>
#include <string>

namespace lanner::detectors {

// Writes the self-contained page RUN/report.html: charts of the losses, the learning rate and the
// evaluations in RUN/metrics.jsonl, then `results` (HTML, may be empty), then RUN/config.cfg.
// Throws io_error.
void write_report(const std::filesystem::path& run, const std::string& results);

}  // namespace lanner::detectors
