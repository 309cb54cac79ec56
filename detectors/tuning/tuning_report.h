#pragma once

#include <filesystem>
#include <vector>

#include "lanner/detectors/tuning/fit.h"

namespace lanner::detectors {

// Prints what was found on stdout, and writes it with the fits drawn to OUT/tune.html, and to
// OUT/tune.json. minutes: length of the run that is predicted. Throws io_error.
void write_tuning_report(const std::filesystem::path& out, const std::vector<Trial>& trials,
                         const Tuned& tuned, double minutes);

}  // namespace lanner::detectors
