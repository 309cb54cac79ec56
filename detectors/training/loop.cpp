#include "lanner/detectors/training/loop.h"

#include <cmath>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/files.h"
#include "lanner/detectors/backbones/norm.h"
#include "lanner/detectors/distributed/ranks.h"
#include "lanner/detectors/progress_line.h"
#include "lanner/detectors/training/ema.h"
#include "lanner/detectors/training/generator_guard.h"
#include "lanner/detectors/training/optimizer.h"
#include "lanner/detectors/training/save_checkpoint.h"
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
        ema_(*task.module, options.ema_decay, task.average),
        total_(total_steps(options, task.steps_per_epoch)),
        line_(task.name) {
    if (resumed) {
      state_ = resumed->state;
      load_state(*task.module, resumed->checkpoint.tensors, resumed->file);
      ema_.load(resumed->checkpoint.tensors, resumed->file);
      optimizer_.load_state(resumed->checkpoint.tensors, resumed->file);
      if (task.load_state) task.load_state(resumed->checkpoint, resumed->file);
    }
    if (options.sync_norm && ranks().size > 1) sync_norms(*task.module);
    sync_.emplace(trainable(*task.module));
    if (!ranks().is_first()) return;  // the first rank writes
    log_.emplace(options.out, state_.step);
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
  static std::vector<at::Tensor> trainable(const torch::nn::Module& module) {
    auto parameters = module.parameters();
    std::erase_if(parameters, [](const at::Tensor& p) { return !p.requires_grad(); });
    return parameters;
  }

  LoopEnd train_until(const std::function<bool()>& stop) {
    if (is_over()) {
      std::cerr << "the run in " << options_.out.string() << " is over, at step " << state_.step
                << ": there is nothing left to do\n";
      return LoopEnd::was_over;
    }
    const bool alone = ranks().size == 1;
    stopping_ = mean_over_ranks(!alone && stop()) > 0;
    while (progress() < 1 && !is_out_of_patience()) {
      if (alone ? stop() : stopping_) {
        save_last();
        std::cerr << "saved at step " << state_.step
                  << ": the same command with --resume goes on\n";
        return LoopEnd::stopped;
      }
      step(stop);
      const int due = static_cast<int>(progress() * task_.evaluations);
      if (task_.evaluate && due > state_.evaluations && progress() < 1)
        evaluate(due);
      else if (seconds() - saved_at_ > 60 * options_.save_minutes)
        save_last();
    }
    if (is_out_of_patience()) {
      std::cerr << "patience: " << state_.since_best
                << " evaluations were no better than the best: the run ends at step " << state_.step
                << "\n";
      return LoopEnd::finished;
    }
    return evaluate(task_.evaluations) ? LoopEnd::finished : LoopEnd::stopped;
  }

  bool is_over() const {
    const bool is_evaluated = !task_.evaluate || state_.evaluations >= task_.evaluations;
    return (state_.step > 0 && progress() >= 1 && is_evaluated) || is_out_of_patience();
  }
  bool is_out_of_patience() const {
    return options_.patience > 0 && state_.since_best >= options_.patience;
  }

  // Keeps what was learned, unless the weights diverged. The error that led here is what matters: a
  // failure to save is only reported.
  void save_after_error() {
    if (state_.step == 0 || diverged_ || is_saving_ || saved_step_ == state_.step) return;
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

  void step(const std::function<bool()>& stop) {
    const ops::CpuCacheGuard cache;
    // Random numbers depend only on seed, step and rank, so a resumed run draws the same ones.
    torch::manual_seed(options_.seed * 1'000'003 + static_cast<uint64_t>(state_.step) +
                       static_cast<uint64_t>(ranks().rank) * 0x9E3779B97F4A7C15);
    lr_ = run_lr(options_) * schedule_factor(options_, state_.step, progress());
    optimizer_.zero_grad();
    const auto result = add_gradients();
    // After backward(), because item() waits for the GPU.
    const double loss = agree(result.loss.item<double>(), stop);
    diverged_ = !std::isfinite(loss);
    if (diverged_)
      throw Diverged(ExitCode::bad_data,
                     c10::str("step ", state_.step, ": the loss is not finite (", loss, ")",
                              terms_that_are_not_finite(result.metrics), "; images: ",
                              c10::Join(", ", result.paths), "; a lower lr or clip_norm may help"));
    if (options_.clip_norm > 0) optimizer_.clip_gradients(options_.clip_norm);
    optimizer_.step(lr_);
    ema_.update(state_.step++);
    images_ += result.images * ranks().size, data_time_ += result.data_time;
    log_step(loss, result);
  }

  // The gradients of a step: of one batch, or the mean over several. Returns their mean loss.
  StepResult add_gradients() {
    const int batches = options_.accumulate;
    StepResult all;
    for (int i = 0; i < batches; ++i) {
      auto result = task_.step(state_.step * batches + i, progress());
      const auto loss = result.loss / batches;
      if (i == batches - 1) sync_->before_backward(loss);
      loss.backward();
      for (auto& [name, value] : result.metrics) value = value.detach() / batches;
      result.loss = loss.detach();
      if (i == 0) {
        all = std::move(result);
        continue;
      }
      all.loss += result.loss;
      for (size_t m = 0; m < all.metrics.size(); ++m)
        all.metrics[m].second += result.metrics[m].second;
      all.log_only = std::move(result.log_only);
      all.images += result.images, all.data_time += result.data_time;
      all.paths.insert(all.paths.end(), result.paths.begin(), result.paths.end());
    }
    return all;
  }

  static std::string terms_that_are_not_finite(const NamedScalars& terms) {
    std::string names;
    for (const auto& [name, value] : terms)
      if (!std::isfinite(value.item<double>())) names += " " + name;
    return names.empty() ? "" : ": " + names.substr(1);
  }

  // What all ranks must decide alike: the loss, the mean of all; the time, the first rank's; and
  // whether one of them was asked to stop. Returns the loss.
  double agree(double loss, const std::function<bool()>& stop) {
    const auto shared = sum_over_ranks(torch::tensor(
        {loss, ranks().size > 1 && stop() ? 1. : 0., ranks().is_first() ? seconds() - begin_ : 0.},
        torch::kDouble));
    stopping_ = shared[1].item<double>() > 0;
    state_.elapsed = shared[2].item<double>();
    return shared[0].item<double>() / ranks().size;
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
      metrics.emplace_back(name, mean_over_ranks(value.item<double>()));
      detail << ", " << name << " " << metrics.back().second;
    }
    for (const auto& [name, value] : result.log_only)
      metrics.emplace_back(name, value.item<double>());
    if (log_) log_->write(metrics);
    line_.show(std::min(1., progress()), detail.str(), last);
    images_ = 0, data_time_ = 0, log_at_ = begin_ + state_.elapsed;
  }

  // Runs evaluation `number`. Returns false if it was stopped.
  bool evaluate(int number) {
    save_last();  // first, because the evaluation may be stopped or fail on a damaged image
    const double paused = seconds();
    const auto raw = options_.evaluate_raw ? evaluated(EvaluatedWeights::raw) : Evaluation{};
    std::optional<Evaluation> evaluation;
    bool best = true;
    {
      const AveragedWeights averaged(ema_);
      if (task_.evaluate) {
        if (raw) evaluation = evaluated(EvaluatedWeights::saved);
        best = evaluation && evaluation->score >= state_.best;  // of equal ones, the newer
      }
      if (best) save(options_.out / "best.safetensors", false);
    }
    if (evaluation) {
      state_.evaluations = number;
      for (const auto& [name, value] : raw->metrics)
        evaluation->metrics.emplace_back("raw_" + name, value);
      log_evaluation(*evaluation, best);
    }
    begin_ += seconds() - paused;  // evaluation is not training time
    log_at_ += seconds() - paused;
    return evaluation || !task_.evaluate;
  }

  std::optional<Evaluation> evaluated(EvaluatedWeights weights) {
    if (!task_.evaluate) return std::nullopt;
    // Batch norms that are not synced have statistics of their own in each rank.
    copy_from_first_rank(task_.module->buffers());
    task_.module->eval();
    auto evaluation = task_.evaluate(weights);
    task_.module->train();
    return evaluation;
  }

  void log_evaluation(const Evaluation& evaluation, bool best) {
    Metrics metrics{{"step", double(state_.step)}, {"elapsed", state_.elapsed}};
    std::ostringstream text;
    text << "step " << state_.step << ":" << std::fixed << std::setprecision(3);
    for (const auto& [name, value] : evaluation.metrics) {
      metrics.emplace_back("val_" + name, value);
      text << "  " << name << " " << value;
    }
    if (log_) log_->write_evaluation(metrics);
    std::cerr << text.str() << (best ? "  (best so far)" : "") << std::endl;
    state_.since_best = evaluation.score > state_.best ? 0 : state_.since_best + 1;
    if (best) state_.best = evaluation.score;
    save_last();  // with what the evaluation changed in the state
  }

  void save_last() {
    const AveragedWeights averaged(ema_);
    save(options_.out / "last.safetensors", true);
    if (options_.keep > 0 && ranks().is_first())
      keep_checkpoint(options_.out, state_.step, options_.keep);
    saved_at_ = seconds();
    saved_step_ = state_.step;
  }

  void save(const fs::path& file, bool with_training_state) {
    if (!ranks().is_first()) return;
    SafeTensors content{state_of(*task_.module), task_.metadata};
    if (with_training_state) {
      content.metadata["training"] = to_json(state_);
      ema_.save(content.tensors);
      content.tensors.merge(optimizer_.state());
      if (task_.save_state) content.tensors.merge(task_.save_state());
    }
    is_saving_ = true;
    save_checkpoint(file, content);
    is_saving_ = false;
  }

  TrainingTask& task_;
  const LoopOptions& options_;
  Optimizer optimizer_;
  Ema ema_;
  RunState state_;
  int64_t total_;  // steps
  std::optional<GradientSync> sync_;
  std::optional<MetricsLog> log_;  // of the first rank
  ProgressLine line_;
  double begin_ = 0, saved_at_ = 0, log_at_ = 0, lr_ = 0, data_time_ = 0;
  int64_t images_ = 0, saved_step_ = -1;
  bool diverged_ = false, stopping_ = false, is_saving_ = false;
};

}  // namespace

void LoopOptions::check() const {
  if (out.empty()) throw usage_error("out: expected a folder, got none");
  const bool holds_run =
      fs::exists(out / "last.safetensors") || fs::exists(out / "best.safetensors");
  if (!resume && !is_restarted() && holds_run)
    throw usage_error(
        "out: " + out.string() +
        " already contains a run: pass --resume to continue it, or choose another folder");
  datasets::check_fields(*this);
  if (evaluate_raw && ema_decay == 0)
    throw usage_error(
        "evaluate_raw: expected ema_decay above 0: without an average, the weights "
        "are the raw ones");
}

LoopEnd run_loop(TrainingTask& task, const LoopOptions& options, std::optional<ResumedRun> resumed,
                 const std::function<bool()>& stop) {
  const GeneratorGuard generator;
  Run run(task, options, resumed);
  resumed.reset();  // its tensors are copied
  return run(stop);
}

}  // namespace lanner::detectors
