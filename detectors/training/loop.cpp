#include "lanner/detectors/training/loop.h"

#include <cmath>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"
#include "lanner/detectors/progress_line.h"
#include "lanner/detectors/training/ema.h"
#include "lanner/detectors/training/generator_guard.h"
#include "lanner/detectors/training/optimizer.h"
#include "lanner/detectors/training/schedule.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "lanner/ops/cpu_cache.h"

namespace lanner::detectors {
namespace fs = std::filesystem;
namespace {

class Run {
 public:
  Run(TrainingTask& task, const LoopOptions& options, const std::optional<ResumedRun>& resumed)
      : task_(task),
        options_(options),
        optimizer_(*task.module, options),
        ema_(*task.module, options.ema_decay),
        total_(task.steps_per_epoch * options.epochs),
        line_(task.name) {
    if (resumed) {
      state_ = resumed->state;
      load_state(*task.module, resumed->checkpoint.tensors, resumed->file);
      ema_.load(resumed->checkpoint.tensors, resumed->file);
      optimizer_.load_state(resumed->checkpoint.tensors, resumed->file);
    }
    log_.emplace(options.out / "metrics.jsonl", state_.step);
    if (!options.config.empty()) datasets::write_file(options.out / "config.cfg", options.config);
  }

  LoopEnd operator()(const std::function<bool()>& stop) {
    begin_ = seconds() - state_.elapsed;
    saved_at_ = seconds();
    log_at_ = begin_ + state_.elapsed;
    task_.module->train();
    try {
      return train_until(stop);
    } catch (const c10::OutOfMemoryError& error) {
      save_after_error();
      throw Error(ExitCode::internal,
                  "device: out of memory; smaller images or batches need less: " +
                      std::string(error.what_without_backtrace()));
    } catch (...) {
      save_after_error();
      throw;
    }
  }

 private:
  LoopEnd train_until(const std::function<bool()>& stop) {
    while (progress() < 1) {
      if (stop()) {
        save_last();
        return LoopEnd::stopped;
      }
      step();
      const int due = static_cast<int>(progress() * task_.evaluations);
      if (task_.evaluate && due > state_.evaluations && progress() < 1)
        evaluate(due);
      else if (seconds() - saved_at_ > 60 * options_.save_minutes)
        save_last();
    }
    return evaluate(task_.evaluations) ? LoopEnd::finished : LoopEnd::stopped;
  }

  // Keeps what was learned, unless the weights diverged. The error that led here is what matters: a
  // failure to save is only reported.
  void save_after_error() {
    if (diverged_ || saved_step_ == state_.step) return;
    try {
      save_last();
    } catch (const std::exception& error) {
      std::cerr << "error: " << error.what() << "\n";
    }
  }

  double progress() const {
    double done = static_cast<double>(state_.step) / static_cast<double>(total_);
    if (options_.max_minutes > 0)
      done = std::max(done, state_.elapsed / (60 * options_.max_minutes));
    return done;
  }

  void step() {
    const ops::CpuCacheGuard cache;
    // Random numbers depend only on seed and step, so a resumed run draws the same ones.
    torch::manual_seed(options_.seed * 1'000'003 + static_cast<uint64_t>(state_.step));
    lr_ = options_.lr * schedule_factor(options_, state_.step, progress());
    optimizer_.zero_grad();
    const auto result = task_.step(state_.step, progress());
    result.loss.backward();
    const double loss =
        result.loss.item<double>();  // after backward(), because item() waits for the GPU
    diverged_ = !std::isfinite(loss);
    if (diverged_)
      throw Diverged(ExitCode::bad_data,
                     c10::str("step ", state_.step, ": the loss is not finite (", loss,
                              "); images: ", c10::Join(", ", result.paths),
                              "; a lower lr or clip_norm may help"));
    if (options_.clip_norm > 0) optimizer_.clip_gradients(options_.clip_norm);
    optimizer_.step(lr_);
    ema_.update(state_.step++);
    state_.elapsed = seconds() - begin_;
    images_ += result.images, data_time_ += result.data_time;
    log_step(loss, result);
  }

  void log_step(double loss, const StepResult& result) {
    const bool last = progress() >= 1;
    if (state_.step % options_.log_every && !last) return;
    const double spent = std::max(1e-9, begin_ + state_.elapsed - log_at_);
    const double rate = static_cast<double>(images_) / spent;
    const double epoch =
        static_cast<double>(state_.step) / static_cast<double>(task_.steps_per_epoch);
    Metrics metrics{{"step", double(state_.step)},
                    {"epoch", epoch},
                    {"elapsed", state_.elapsed},
                    {"lr", lr_},
                    {"images_per_second", rate},
                    {"data_time", data_time_ / spent},
                    {"loss", loss}};
    std::ostringstream detail;
    detail << "step " << state_.step << ", epoch " << std::fixed << std::setprecision(1) << epoch
           << ", " << rate << " images/s, " << std::setprecision(3) << "loss " << loss;
    for (const auto& [name, value] : result.metrics) {
      metrics.emplace_back(name, value.item<double>());
      detail << ", " << name << " " << metrics.back().second;
    }
    for (const auto& [name, value] : result.log_only)
      metrics.emplace_back(name, value.item<double>());
    log_->write(metrics);
    line_.show(std::min(1., progress()), detail.str(), last);
    images_ = 0, data_time_ = 0, log_at_ = begin_ + state_.elapsed;
  }

  // Runs evaluation `number`. Returns false if it was stopped.
  bool evaluate(int number) {
    save_last();  // first, because the evaluation may be stopped or fail on a damaged image
    const double paused = seconds();
    std::optional<Evaluation> evaluation;
    bool best = true;
    {
      const AveragedWeights averaged(ema_);
      if (task_.evaluate) {
        task_.module->eval();
        evaluation = task_.evaluate();
        task_.module->train();
        best = evaluation && evaluation->score > state_.best;
      }
      if (best) save(options_.out / "best.safetensors", false);
    }
    if (evaluation) {
      state_.evaluations = number;
      log_evaluation(*evaluation, best);
    }
    begin_ += seconds() - paused;  // evaluation is not training time
    log_at_ += seconds() - paused;
    return evaluation || !task_.evaluate;
  }

  void log_evaluation(const Evaluation& evaluation, bool best) {
    Metrics metrics{{"step", double(state_.step)}, {"elapsed", state_.elapsed}};
    std::ostringstream text;
    text << "step " << state_.step << ":" << std::fixed << std::setprecision(3);
    for (const auto& [name, value] : evaluation.metrics) {
      metrics.emplace_back("val_" + name, value);
      text << "  " << name << " " << value;
    }
    log_->write(metrics);
    std::cerr << text.str() << (best ? "  (best so far)" : "") << std::endl;
    if (!best) return;
    state_.best = evaluation.score;
    save_last();  // with the new best in it
  }

  void save_last() {
    const AveragedWeights averaged(ema_);
    save(options_.out / "last.safetensors", true);
    saved_at_ = seconds();
    saved_step_ = state_.step;
  }

  void save(const fs::path& file, bool with_training_state) {
    SafeTensors content{state_of(*task_.module), task_.metadata};
    if (with_training_state) {
      content.metadata["training"] = to_json(state_);
      ema_.save(content.tensors);
      content.tensors.merge(optimizer_.state());
    }
    write_safetensors(file, content);
  }

  TrainingTask& task_;
  const LoopOptions& options_;
  Optimizer optimizer_;
  Ema ema_;
  RunState state_;
  int64_t total_;  // steps
  std::optional<MetricsLog> log_;
  ProgressLine line_;
  double begin_ = 0, saved_at_ = 0, log_at_ = 0, lr_ = 0, data_time_ = 0;
  int64_t images_ = 0, saved_step_ = -1;
  bool diverged_ = false;
};

}  // namespace

void LoopOptions::check() const {
  if (out.empty()) throw usage_error("out: expected a folder, got none");
  if (!resume && fs::exists(out / "last.safetensors"))
    throw usage_error(
        "out: " + out.string() +
        " already contains a run: pass --resume to continue it, or choose another folder");
  datasets::check_fields(*this);
}

LoopEnd run_loop(TrainingTask& task, const LoopOptions& options, std::optional<ResumedRun> resumed,
                 const std::function<bool()>& stop) {
  const GeneratorGuard generator;
  Run run(task, options, resumed);
  resumed.reset();  // its tensors are copied
  return run(stop);
}

}  // namespace lanner::detectors
