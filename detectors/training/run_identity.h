#pragma once

#include <map>
#include <string>

#include "lanner/datasets/dataset.h"
#include "lanner/detectors/training/run_state.h"

namespace lanner::detectors {

// What a run and one that continues it must share, by name: classes, data, images per step, and the
// options that change what is learned. Stored as JSON in the metadata "run" of its checkpoints.
using RunIdentity = std::map<std::string, std::string>;

// The options of LoopOptions::config, and the images per step of all ranks.
RunIdentity identity_of(const LoopOptions& options);

// The precision of the checkpoint where options.amp is "auto", so that a run keeps the arithmetic
// that was measured at its start; otherwise nothing.
std::optional<bool> stored_bfloat16(const ResumedRun& resumed, const LoopOptions& options);

// Adds the classes, and fingerprints of the data. `val` may be empty.
void add_data(RunIdentity& identity, const datasets::Dataset& train, const datasets::Dataset& val);

std::string to_json(const RunIdentity& identity);

// Compares a run with the checkpoint that it continues. Throws usage_error listing each difference,
// unless options.take_changes is set: then they are shown on stderr, and the step becomes that of
// the same number of images, unless the run is as long as options.max_steps. What would make the
// learning rate jump is refused in any case. Checkpoints without an identity, of earlier versions,
// are taken as they are.
void check_identity(ResumedRun& resumed, const RunIdentity& identity, const LoopOptions& options);

}  // namespace lanner::detectors
