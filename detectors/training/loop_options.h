#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "lanner/datasets/fields.h"

namespace lanner::detectors {

// Options of the step loop that training and pretraining share. A plain struct, without LibTorch.
struct LoopOptions {
  std::filesystem::path out{};
  int epochs = 26;
  double max_minutes = 0;
  int batch_size = 2;
  std::string optimizer = "sgd";
  double lr = 0.0025;  // torchvision's 0.02 for 16 images, scaled to a batch of 2
  double momentum = 0.9;
  double weight_decay = 1e-4;
  std::string schedule = "step";
  std::vector<double> lr_milestones{16. / 26, 22. / 26};
  std::vector<std::pair<std::string, double>> lr_factors{};
  int64_t warmup_steps = 1000;
  double clip_norm = 0;
  double ema_decay = 0;
  std::string amp = "false";
  bool resume = false;
  uint64_t seed = 0;
  std::string device = "cpu";
  int workers = 2;
  std::string on_bad_image = "stop";
  int log_every = 10;
  double save_minutes = 5;
  std::string config{};  // all options of the run as text, written to out/config.cfg

  // Throws usage_error; also where `out` holds a run and `resume` is false.
  void check() const;
  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.out, {.name = "out",
                  .help = "run folder: weights, metrics.jsonl, config.cfg, report.html",
                  .required = true});
    field(o.epochs, {.name = "epochs", .help = "passes over the data", .limits = at_least(1)});
    field(o.max_minutes, {.name = "max_minutes",
                          .help = "maximum minutes of training, to which the schedule is fitted; "
                                  "0: no limit",
                          .limits = at_least(0)});
    field(o.batch_size, {.name = "batch_size", .help = "images per step", .limits = at_least(1)});
    field(o.optimizer,
          {.name = "optimizer", .help = "update rule of the weights", .choices = {"sgd", "adamw"}});
    field(o.lr, {.name = "lr", .help = "learning rate", .limits = above(0)});
    field(o.momentum,
          {.name = "momentum", .help = "momentum of SGD", .limits = from_and_below(0, 1)});
    field(o.weight_decay, {.name = "weight_decay",
                           .help = "weight decay of all weights but norms and biases",
                           .limits = at_least(0)});
    field(o.schedule, {.name = "schedule",
                       .help = "learning rate schedule: a tenth at each milestone, or cosine to 0",
                       .choices = {"step", "cosine"}});
    field(o.lr_milestones,
          {.name = "lr_milestones",
           .help = "fractions of the run at which the step schedule drops",
           .limits = {.min = 0, .max = 1, .excludes_min = true, .excludes_max = true}});
    field(o.lr_factors, {.name = "lr_factors",
                         .help = "learning rate factors of parameters whose name contains a "
                                 "text: backbone=0.1,roi_heads=3",
                         .limits = above(0)});
    field(o.warmup_steps, {.name = "warmup_steps",
                           .help = "steps of linear warm-up, at most a tenth of the run",
                           .limits = at_least(0)});
    field(o.clip_norm, {.name = "clip_norm",
                        .help = "maximum norm of the gradients; 0: no clipping",
                        .limits = at_least(0)});
    field(o.ema_decay, {.name = "ema_decay",
                        .help = "decay of the exponential moving average of the weights, which is "
                                "what is evaluated and saved; 0: none",
                        .limits = from_and_below(0, 1)});
    field(o.amp, {.name = "amp",
                  .help = "bfloat16 autocast; auto measures which is faster on this machine",
                  .choices = {"true", "false", "auto"}});
    field(o.seed, {.name = "seed", .help = "seed of everything that is random"});
    field(o.device, {.name = "device", .help = "cpu, cuda or cuda:N"});
    field(o.workers,
          {.name = "workers", .help = "threads that load data", .limits = between(1, 256)});
    field(o.on_bad_image, {.name = "on_bad_image",
                           .help = "reaction to an image that cannot be read: stop, or warn and "
                                   "use another",
                           .choices = {"stop", "skip"}});
    field(o.log_every, {.name = "log_every",
                        .help = "steps between lines of metrics.jsonl",
                        .limits = at_least(1)});
    field(o.save_minutes, {.name = "save_minutes",
                           .help = "maximum minutes of training between checkpoints",
                           .limits = above(0)});
    field(o.resume, {.name = "resume", .help = "continue from OUT/last.safetensors"});
  }
};

}  // namespace lanner::detectors
