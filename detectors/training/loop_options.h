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
  int64_t max_steps = 0;
  double max_minutes = 0;
  int batch_size = 2;
  std::string optimizer = "sgd";
  double lr = 0.0025;  // torchvision's 0.02 for 16 images, scaled to a batch of 2
  int lr_images = 0;
  double momentum = 0.9;
  double weight_decay = 1e-4;
  std::string schedule = "step";
  std::vector<double> lr_milestones{16. / 26, 22. / 26};
  std::vector<std::pair<std::string, double>> lr_factors{};
  int64_t warmup_steps = 1000;
  double clip_norm = 0;
  double ema_decay = 0;
  bool evaluate_raw = false;
  std::string amp = "false";
  bool sync_norm = false;
  int accumulate = 1;
  int patience = 0;
  bool resume = false;
  bool take_changes = false;
  uint64_t seed = 0;
  std::string device = "cpu";
  int workers = 2;
  std::string on_bad_image = "stop";
  int log_every = 10;
  double save_minutes = 5;
  int keep = 0;
  std::string config{};  // all options of the run as text, written to out/config.cfg

  // Throws usage_error; also where `out` holds a run and `resume` is false.
  void check() const;
  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.out, {.name = "out",
                  .help = "run folder: weights, metrics.jsonl, config.cfg, report.html",
                  .required = true});
    field(o.epochs, {.name = "epochs", .help = "passes over the data", .limits = at_least(1)});
    field(o.max_steps, {.name = "max_steps",
                        .help = "steps of the run, instead of those of --epochs, to which the "
                                "schedule is fitted; 0: by --epochs",
                        .limits = at_least(0)});
    field(o.max_minutes, {.name = "max_minutes",
                          .help = "maximum minutes of training, to which the schedule is fitted; "
                                  "0: no limit",
                          .limits = at_least(0)});
    field(o.batch_size, {.name = "batch_size", .help = "images per step", .limits = at_least(1)});
    field(o.accumulate, {.name = "accumulate",
                         .help = "batches whose gradients are averaged before a step",
                         .limits = at_least(1)});
    field(o.patience, {.name = "patience",
                       .help = "evaluations without a better one after which the run ends; 0: none",
                       .limits = at_least(0)});
    field(o.optimizer,
          {.name = "optimizer", .help = "update rule of the weights", .choices = {"sgd", "adamw"}});
    field(o.lr, {.name = "lr", .help = "learning rate", .limits = above(0)});
    field(o.lr_images, {.name = "lr_images",
                        .help = "images per step that the learning rate is meant for: those of all "
                                "processes scale it linearly; 0: as it is given",
                        .limits = at_least(0)});
    field(o.momentum,
          {.name = "momentum", .help = "momentum of SGD", .limits = from_and_below(0, 1)});
    field(o.weight_decay, {.name = "weight_decay",
                           .help = "weight decay of all weights but norms and biases",
                           .limits = at_least(0)});
    field(o.schedule, {.name = "schedule",
                       .help = "learning rate schedule: a tenth at each milestone, or to 0 by a "
                               "cosine or as (1 - progress)^0.9",
                       .choices = {"step", "cosine", "poly"}});
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
    field(o.evaluate_raw,
          {.name = "evaluate_raw", .help = "evaluate the weights without the average, too"});
    field(o.amp, {.name = "amp",
                  .help = "bfloat16 autocast; auto measures which is faster on this machine",
                  .choices = {"true", "false", "auto"}});
    field(o.sync_norm, {.name = "sync_norm",
                        .help = "batch norm over the images of all processes that torchrun "
                                "started; otherwise each has statistics of its own"});
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
    field(o.keep, {.name = "keep",
                   .help = "how many of the latest checkpoints stay in OUT/checkpoints, beside "
                           "the last and the best",
                   .limits = at_least(0)});
    field(o.take_changes, {.name = "override",
                           .help = "with --resume: take options and data that differ from those "
                                   "of the run"});
    field(o.resume, {.name = "resume", .help = "continue from OUT/last.safetensors"});
  }
};

}  // namespace lanner::detectors
