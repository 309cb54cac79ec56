#pragma once

#include "lanner/ops/torch.h"

#include <set>

#include "lanner/detectors/training/advice.h"

namespace lanner::detectors {

// Watches a training run and prints advice to stderr, each once.
class Advisor {
 public:
  // Gives the advice that data and options call for.
  Advisor(const TrainOptions& options, const datasets::Dataset& train,
          const datasets::Dataset& val);

  // Whether the step is one that is observed: gauges cost a little.
  bool observes(int64_t step) const { return step % kEvery == kEvery - 1; }
  // Called before every step. `module` is what is trained.
  void begin_step(int64_t step, double progress, const torch::nn::Module& module);
  void observe(int64_t step, double loss, double waited, const Gauges& gauges);
  void evaluated(EvaluationSummary evaluation);

  std::string html() const;  // all advice given; empty if there was none

 private:
  static constexpr int kEvery = 5, kWindow = 40;  // steps between observations, and their number
  void give(const AdviceList& advice);
  void end_window();

  const TrainOptions& options_;
  std::set<std::string> given_;
  AdviceList advice_;
  WindowSummary window_;
  int observed_ = 0;
  double progress_ = 0;
  Gauges last_gauges_;  // of the last full window, or of the first
  double window_begin_ = 0, first_loss_ = 0;
  at::Tensor before_, weight_;  // a large weight, a step ago and now
};

}  // namespace lanner::detectors
