#pragma once

#include <torch/torch.h>

#include <functional>
#include <optional>

#include "lanner/detectors/training/options.h"
#include "lanner/detectors/training/progress.h"

namespace lanner::detectors {

// What one step of a task gives the loop.
struct StepResult {
  at::Tensor loss;                                         // scalar
  std::vector<std::pair<std::string, at::Tensor>> shown;   // scalars for log and terminal, by name
  std::vector<std::pair<std::string, at::Tensor>> logged;  // for the log alone
  int64_t images = 0;
  std::vector<std::string> paths;  // of the images, for the error on a loss of NaN
  double data_time = 0;            // seconds spent waiting for data
};

// A task that is trained: what differs between detection and pretraining.
struct Task {
  std::string name;  // for the progress line
  torch::nn::Module* module = nullptr;
  int64_t steps_per_epoch = 1;
  // Loads and computes step `step`, when `progress` (0..1) of the run is over; called in order from
  // the first step on.
  std::function<StepResult(int64_t step, double progress)> step;
  // Called `evaluations` times over the run, evenly, and at its end, in evaluation mode and with
  // the averaged weights; what it returns is logged, nothing if it was stopped. May be empty. A
  // greater `score` is better.
  int evaluations = 0;
  struct Evaluation {
    double score = 0;
    Numbers shown;
  };
  std::function<std::optional<Evaluation>()> evaluate;
  // Metadata of the checkpoints: what the weights belong to.
  std::map<std::string, std::string> metadata;
};

enum class LoopEnd { finished, stopped };

// Where a resumed run goes on: the number of steps that are done.
int64_t resume_step(const LoopOptions& options);

// The one step loop. Writes out/metrics.jsonl, out/last.safetensors (weights, and what --resume
// needs) and, after evaluations, out/best.safetensors; without evaluations best is last. Stops with
// `stopped` when stop() is true, after saving. Throws bad_data naming step and images when the loss
// is not finite; last.safetensors is then of an earlier step.
LoopEnd run_loop(Task& task, const LoopOptions& options, const std::function<bool()>& stop);

}  // namespace lanner::detectors
