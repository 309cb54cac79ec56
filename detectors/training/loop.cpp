#include "lanner/detectors/training/loop.h"

#include <cmath>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lanner/datasets/coco.h"
#include "lanner/datasets/error.h"
#include "lanner/detectors/checkpoint.h"
#include "lanner/detectors/training/optimiser.h"
#include "lanner/detectors/training/schedule.h"
#include "lanner/ops/cpu/fresh.h"

namespace lanner::detectors {
namespace fs = std::filesystem;
namespace {

constexpr double kSaveEvery = 300;  // seconds, between evaluations

// Averaged weights (and running statistics): what is evaluated and saved. While training they stand
// aside; Shown swaps them in.
class Average {
 public:
  Average(torch::nn::Module& module, double decay) : decay_(decay) {
    for (const auto& [name, tensor] : state_of(module)) {
      live_.push_back(tensor);
      if (decay > 0) average_.push_back(tensor.clone());
      names_.push_back(name);
    }
  }
  bool on() const { return decay_ > 0; }

  void update(int64_t step) {
    if (!on()) return;
    const torch::NoGradGuard no_grad;
    // A young average leans on what is new: it would else remember the random start.
    const double decay =
        std::min(decay_, (1. + static_cast<double>(step)) / (10. + static_cast<double>(step)));
    for (size_t i = 0; i < live_.size(); ++i)
      if (live_[i].is_floating_point()) average_[i].lerp_(live_[i], 1 - decay);
  }
  void swap() {
    if (!on()) return;
    const torch::NoGradGuard no_grad;
    for (size_t i = 0; i < live_.size(); ++i) {
      const auto held = live_[i].clone();
      live_[i].copy_(average_[i]);
      average_[i].copy_(held);
    }
  }
  // The live weights, while the average is swapped in, under names of training state.
  void save(std::map<std::string, at::Tensor>& tensors) const {
    for (size_t i = 0; on() && i < live_.size(); ++i)
      tensors["training.live." + names_[i]] = average_[i];
  }
  // After loading a checkpoint's plain (averaged) weights into the module.
  void load(const std::map<std::string, at::Tensor>& tensors, const std::string& source) {
    if (!on()) return;
    const torch::NoGradGuard no_grad;
    for (size_t i = 0; i < live_.size(); ++i) {
      average_[i].copy_(live_[i]);
      const auto found = tensors.find("training.live." + names_[i]);
      if (found == tensors.end() || found->second.sizes() != live_[i].sizes())
        throw bad_data(source + ": training.live." + names_[i] +
                       ": missing: saved without averaging?");
      live_[i].copy_(found->second);
    }
  }

 private:
  double decay_;
  std::vector<at::Tensor> live_, average_;
  std::vector<std::string> names_;
};

struct RunState {
  int64_t step = 0;
  double elapsed = 0;  // seconds of training
  double best = -1e300;
  int evaluations = 0;
};

std::string to_json(const RunState& state) {
  return nlohmann::json{{"step", state.step},
                        {"elapsed", state.elapsed},
                        {"best", state.best},
                        {"evaluations", state.evaluations}}
      .dump();
}

RunState state_from(const SafeTensors& content, const std::string& source) {
  const auto found = content.metadata.find("training");
  if (found == content.metadata.end())
    throw bad_data(source + ": training: missing: this file cannot be resumed from");
  try {
    const auto json = nlohmann::json::parse(found->second);
    return {json.at("step"), json.at("elapsed"), json.at("best"), json.at("evaluations")};
  } catch (const nlohmann::json::exception& error) {
    throw bad_data(source + ": training: " + error.what());
  }
}

class Run {
 public:
  Run(Task& task, const LoopOptions& options)
      : task_(task),
        options_(options),
        optimiser_(*task.module, options),
        average_(*task.module, options.ema_decay),
        total_(task.steps_per_epoch * options.epochs),
        line_(task.name) {
    if (options.resume) resume();
    log_.emplace(options.out / "metrics.jsonl", state_.step);
    if (!options.config.empty()) datasets::write_file(options.out / "config.cfg", options.config);
  }

  LoopEnd operator()(const std::function<bool()>& stop) {
    begin_ = seconds() - state_.elapsed;
    saved_at_ = seconds();
    log_at_ = begin_ + state_.elapsed;
    task_.module->train();
    try {
      while (progress() < 1) {
        if (stop()) {
          save_last();
          return LoopEnd::stopped;
        }
        step();
        const int due = static_cast<int>(progress() * task_.evaluations);
        if (task_.evaluate && due > state_.evaluations && progress() < 1) {
          evaluate(due);
        } else if (seconds() - saved_at_ > kSaveEvery) {
          save_last();
        }
      }
      return evaluate(task_.evaluations) ? LoopEnd::finished : LoopEnd::stopped;
    } catch (const Error&) {
      keep();
      throw;
    } catch (const c10::OutOfMemoryError& error) {
      keep();
      throw Error(ExitCode::internal,
                  "device: out of memory; smaller images or batches need less: " +
                      std::string(error.what_without_backtrace()));
    }
  }

 private:
  // What was learned before an error, unless the weights diverged.
  void keep() {
    if (!diverged_ && saved_step_ != state_.step) save_last();
  }

  double progress() const {
    double done = static_cast<double>(state_.step) / static_cast<double>(total_);
    if (options_.max_minutes > 0)
      done = std::max(done, state_.elapsed / (60 * options_.max_minutes));
    return done;
  }

  void resume() {
    const auto file = options_.out / "last.safetensors";
    const auto content = read_safetensors(file);
    state_ = state_from(content, file.string());
    load_state(*task_.module, content.tensors, file.string());
    average_.load(content.tensors, file.string());
    optimiser_.load_state(content.tensors, file.string());
  }

  void step() {
    // What is drawn at a step follows from the seed and the step: a resumed run goes on as it would
    // have.
    const ops::KeepMemory keep;
    torch::manual_seed(options_.seed * 1'000'003 + static_cast<uint64_t>(state_.step));
    lr_ = options_.lr * schedule_factor(options_, state_.step, progress());
    optimiser_.zero_grad();
    const auto result = task_.step(state_.step, progress());
    result.loss.backward();
    const double loss = result.loss.item<double>();  // a GPU has the whole step to do by now
    diverged_ = !std::isfinite(loss);
    if (diverged_)
      throw bad_data(c10::str("step ", state_.step, ": the loss is not finite (", loss,
                              "); images: ", c10::Join(", ", result.paths),
                              "; a lower lr or clip-norm may help"));
    if (options_.clip_norm > 0) optimiser_.clip_gradients(options_.clip_norm);
    optimiser_.step(lr_);
    average_.update(state_.step++);
    state_.elapsed = seconds() - begin_;
    images_ += result.images, data_time_ += result.data_time;
    report(loss, result);
  }

  void report(double loss, const StepResult& result) {
    const bool last = progress() >= 1;
    if (state_.step % options_.log_every && !last) return;
    const double spent = std::max(1e-9, begin_ + state_.elapsed - log_at_);
    const double rate = static_cast<double>(images_) / spent;
    const double epoch =
        static_cast<double>(state_.step) / static_cast<double>(task_.steps_per_epoch);
    Numbers numbers{{"step", double(state_.step)},
                    {"epoch", epoch},
                    {"elapsed", state_.elapsed},
                    {"lr", lr_},
                    {"images_per_second", rate},
                    {"data_time", data_time_ / spent},
                    {"loss", loss}};
    std::ostringstream detail;
    detail << "step " << state_.step << ", epoch " << std::fixed << std::setprecision(1) << epoch
           << ", " << rate << " images/s, " << std::setprecision(3) << "loss " << loss;
    for (const auto& [name, value] : result.shown) {
      numbers.emplace_back(name, value.item<double>());
      detail << ", " << name << " " << numbers.back().second;
    }
    for (const auto& [name, value] : result.logged)
      numbers.emplace_back(name, value.item<double>());
    log_->write(numbers);
    line_.show(std::min(1., progress()), detail.str(), last);
    images_ = 0, data_time_ = 0, log_at_ = begin_ + state_.elapsed;
  }

  template <typename Work>
  void with_average(Work work) {
    average_.swap();
    work();
    average_.swap();
  }

  void save_last() {
    with_average([&] { save(options_.out / "last.safetensors", true); });
    saved_at_ = seconds();
    saved_step_ = state_.step;
  }

  // The number `number` of its kind. False where it was stopped.
  bool evaluate(int number) {
    save_last();  // first: an evaluation may be stopped, or meet a damaged image
    const double paused = seconds();
    std::optional<Task::Evaluation> evaluation;
    bool stopped = false, best = true;
    with_average([&] {
      if (task_.evaluate) {
        task_.module->eval();
        evaluation = task_.evaluate();
        task_.module->train();
        stopped = !evaluation;
        best = evaluation && evaluation->score > state_.best;
      }
      if (best) save(options_.out / "best.safetensors", false);
    });
    if (evaluation) {
      state_.evaluations = number;
      report(*evaluation, best);
    }
    begin_ += seconds() - paused;  // evaluation is not training time
    log_at_ += seconds() - paused;
    return !stopped;
  }

  void report(const Task::Evaluation& evaluation, bool best) {
    Numbers numbers{{"step", double(state_.step)}, {"elapsed", state_.elapsed}};
    std::ostringstream text;
    text << "step " << state_.step << ":" << std::fixed << std::setprecision(3);
    for (const auto& [name, value] : evaluation.shown) {
      numbers.emplace_back("val_" + name, value);
      text << "  " << name << " " << value;
    }
    log_->write(numbers);
    std::cerr << text.str() << (best ? "  (best so far)" : "") << std::endl;
    if (!best) return;
    state_.best = evaluation.score;
    save_last();  // with the new best in it
  }

  void save(const fs::path& file, bool with_training_state) {
    SafeTensors content{state_of(*task_.module), task_.metadata};
    if (with_training_state) {
      content.metadata["training"] = to_json(state_);
      average_.save(content.tensors);
      content.tensors.merge(optimiser_.state());
    }
    write_safetensors(file, content);
  }

  Task& task_;
  const LoopOptions& options_;
  Optimiser optimiser_;
  Average average_;
  RunState state_;
  int64_t total_;
  std::optional<MetricsLog> log_;
  ProgressLine line_;
  double begin_ = 0, saved_at_ = 0, log_at_ = 0, lr_ = 0, data_time_ = 0;
  int64_t images_ = 0, saved_step_ = -1;
  bool diverged_ = false;
};

}  // namespace

void LoopOptions::check() const {
  const auto expect = [](bool fine, const std::string& option, const std::string& expected,
                         const auto& got) {
    if (!fine) throw usage_error(option + ": expected " + expected + ", got " + c10::str(got));
  };
  expect(!out.empty(), "out", "a folder", "none");
  if (!resume && std::filesystem::exists(out / "last.safetensors"))
    throw usage_error("out: " + out.string() +
                      " holds a run already: give --resume to go on with it, or another folder");
  expect(epochs > 0, "epochs", "a positive number", epochs);
  expect(max_minutes >= 0, "max-minutes", "0 or more", max_minutes);
  expect(batch_size > 0, "batch-size", "a positive number", batch_size);
  expect(optimizer == "sgd" || optimizer == "adamw", "optimizer", "sgd or adamw", optimizer);
  expect(schedule == "step" || schedule == "cosine", "schedule", "step or cosine", schedule);
  expect(lr > 0, "lr", "a positive number", lr);
  for (const double drop : lr_drops)
    expect(drop > 0 && drop < 1, "lr-drops", "between 0 and 1", drop);
  for (const auto& [name, factor] : lr_factors)
    expect(factor > 0 && !name.empty(), "lr-factors", "NAME=FACTOR, a positive number",
           name + "=" + std::to_string(factor));
  expect(warmup_steps >= 0, "warmup-steps", "0 or more", warmup_steps);
  expect(ema_decay >= 0 && ema_decay < 1, "ema-decay", "0 or more and below 1", ema_decay);
  expect(momentum >= 0 && momentum < 1, "momentum", "0 or more and below 1", momentum);
  expect(weight_decay >= 0, "weight-decay", "0 or more", weight_decay);
  expect(clip_norm >= 0, "clip-norm", "0 or more", clip_norm);
  expect(on_bad_image == "stop" || on_bad_image == "skip", "on-bad-image", "stop or skip",
         "\"" + on_bad_image + "\"");
  expect(workers > 0 && workers <= 256, "workers", "1 to 256", workers);
  expect(log_every > 0, "log-every", "a positive number", log_every);
}

int64_t resume_step(const LoopOptions& options) {
  if (!options.resume) return 0;
  const auto file = options.out / "last.safetensors";
  return state_from(read_safetensors(file), file.string()).step;
}

LoopEnd run_loop(Task& task, const LoopOptions& options, const std::function<bool()>& stop) {
  return Run(task, options)(stop);
}

}  // namespace lanner::detectors
