#pragma once

#include <filesystem>

#include "lanner/detectors/training/run_identity.h"

namespace lanner::detectors {

// Adds a start of the run to RUN/run.json: when, where, by which command and versions, with which
// precision, and `identity`. A run that is resumed has several starts. Throws io_error.
void record_start(const LoopOptions& options, const RunIdentity& identity, bool bfloat16);

}  // namespace lanner::detectors
