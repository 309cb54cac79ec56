#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lanner/detectors/training/loop_end.h"
#include "lanner/detectors/tuning/options.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// Options to change, as pairs of path and text.
using Changes = std::vector<std::pair<std::string, std::string>>;
// Returns the text of a configuration of lanner train with these changes.
using ConfigWriter = std::function<std::string(const Changes&)>;

// Finds learning rate and batch size (and the values of search.vary) for a run of
// train.max_minutes, or of four times the longest trial if that is 0. Trains short runs in
// OUT/trials, in three rounds: all settings, then the better half for twice as long, then the best
// quarter for four times as long (successive halving). Writes OUT/search.json, OUT/trials.jsonl,
// OUT/tune.json, OUT/tune.html and OUT/tuned.cfg, and prints a summary. Where stop() returns true,
// the current trial is saved; train.loop.resume continues, with the same options and data. Throws
// usage_error, and the errors of train() but for diverging losses, which end a trial.
LANNER_API LoopEnd tune(const TuneOptions& options, const ConfigWriter& config,
                        const std::function<bool()>& stop);

}  // namespace lanner::detectors
