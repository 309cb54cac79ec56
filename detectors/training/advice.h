#pragma once

#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"
#include "lanner/detectors/gauges.h"
#include "lanner/detectors/training/options.h"

// Advice that an experienced engineer would give on a run, with the option that helps. Sound runs
// get none: the thresholds were chosen on runs that were broken on purpose and on sound ones
// (benchmarks/broken_runs.py).
namespace lanner::detectors {

// `kind` identifies the fault. Each kind is reported once per run.
struct Advice {
  std::string kind, text;
};
using AdviceList = std::vector<Advice>;

// Faults that data and options show before the first step. `val` may be empty.
AdviceList advise_on_data(const TrainOptions& options, const datasets::Dataset& train,
                          const datasets::Dataset& val);

// Statistics over a window of steps after the warm-up.
struct WindowSummary {
  double progress = 0;    // of the run, 0..1
  double loss = 0;        // mean
  double first_loss = 0;  // mean over the first window; 0: this is the first
  double data_wait = 0;   // fraction of the time
  // Change of the weights in a step, relative to the weights, at the full learning rate.
  double relative_update = 0;
  Gauges gauges{};
  int64_t classes = 1;
  double majority_class = 1;  // fraction of the objects that are of the most frequent class
};
AdviceList advise_on_window(const TrainOptions& options, const WindowSummary& window);

// Metrics on val and, if these are poor, on a part of train.
struct EvaluationSummary {
  double progress = 0;
  double val_AP50 = 0, val_AP75 = 0;  // -1: val has no objects
  double train_AP50 = -1;             // -1: not measured
  double localization_gain = 0;       // AP50 that val would gain if offset boxes were corrected
};
AdviceList advise_on_evaluation(const EvaluationSummary& evaluation);

// For a run that ends near AP 0 without other advice: the stage that is furthest behind.
Advice explain_failure(const Gauges& gauges);

}  // namespace lanner::detectors
