#pragma once

#include "lanner/ops/torch.h"

#include <functional>
#include <optional>

#include "lanner/datasets/error.h"
#include "lanner/detectors/training/loop_end.h"
#include "lanner/detectors/training/loop_options.h"
#include "lanner/detectors/training/metrics_log.h"
#include "lanner/detectors/training/run_state.h"
#include "lanner/detectors/weights/metadata.h"

namespace lanner::detectors {

using NamedScalars = std::vector<std::pair<std::string, at::Tensor>>;

// The result of one step of a task.
struct StepResult {
  at::Tensor loss{};        // scalar; of several ranks, the mean is what is minimized
  NamedScalars metrics{};   // for the log and the progress line; the same names in all of a step
  NamedScalars log_only{};  // for the log alone
  int64_t images = 0;
  std::vector<std::string> paths{};  // of the images, named where the loss is not finite
  double data_time = 0;              // seconds spent waiting for data
};

// Those that are judged and saved, averaged where there is an average; or, beside them, the raw
// ones.
enum class EvaluatedWeights { saved, raw };

struct Evaluation {
  double score = 0;  // higher is better
  Metrics metrics;
};

// What the step loop trains; detection and pretraining differ in it.
struct TrainingTask {
  std::string name{};  // for the progress line
  torch::nn::Module* module = nullptr;
  int64_t steps_per_epoch = 1;
  // Loads batch `batch` of the run and computes its loss; `progress` is the fraction of the run
  // that is over. Called in order, LoopOptions::accumulate times a step.
  std::function<StepResult(int64_t batch, double progress)> step{};
  // Called `evaluations` times, evenly spaced over the run, the last time at its end; in evaluation
  // mode. Returns nothing where it was stopped. May be empty.
  std::function<std::optional<Evaluation>(EvaluatedWeights)> evaluate{};
  int evaluations = 0;
  Metadata metadata{};  // of the checkpoints
  // Has the averaged weights at every step, where there is an average. May be null.
  torch::nn::Module* average = nullptr;
  // What the task must know to go on as if it had not been interrupted: tensors "training.*" of its
  // own. Both may be empty.
  std::function<std::map<std::string, at::Tensor>()> save_state{};
  std::function<void(const SafeTensors& checkpoint, const std::string& file)> load_state{};
};

// The error of a loss that is not finite.
struct Diverged : Error {
  using Error::Error;
};

// The one step loop. Writes OUT/metrics.jsonl, OUT/last.safetensors (weights and training state)
// and, after evaluations, OUT/best.safetensors; without evaluations best is last. Stops when stop()
// returns true, after saving. Throws Diverged naming step and images where the loss is not finite;
// last.safetensors is then of an earlier step. After any other exception the weights are saved
// before it is passed on. Torch's default generator is left as it was. Ranks that have joined run
// the same steps, and stop together; the first one writes.
LoopEnd run_loop(TrainingTask& task, const LoopOptions& options, std::optional<ResumedRun> resumed,
                 const std::function<bool()>& stop);

}  // namespace lanner::detectors
