#pragma once

#include <filesystem>
#include <string>

namespace lanner::detectors {

// RUN/report.html: the losses, the learning rate and the evaluations of RUN/metrics.jsonl as
// charts, then `results` (HTML, may be empty), then the configuration. Needs nothing from outside.
// Throws io_error.
void write_report(const std::filesystem::path& run, const std::string& results);

}  // namespace lanner::detectors
