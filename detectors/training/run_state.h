#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lanner/detectors/training/loop_options.h"
#include "lanner/detectors/weights/safetensors.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// Where a run is. Stored as JSON in the metadata "training" of RUN/last.safetensors.
struct RunState {
  int64_t step = 0;
  double elapsed = 0;    // seconds of training
  double best = -1e300;  // highest score of an evaluation
  int evaluations = 0;
  int since_best = 0;  // evaluations
};

LANNER_API std::string to_json(const RunState& state);

// A run that is resumed: its state and all tensors of its checkpoint.
struct ResumedRun {
  RunState state;
  SafeTensors checkpoint;
  std::string file;  // for messages
};

// RUN/last.safetensors where options.resume is set, or torchrun has started the run anew. Throws
// missing_file, and bad_data where the file holds no training state.
std::optional<ResumedRun> read_resumed_run(const LoopOptions& options);

}  // namespace lanner::detectors
