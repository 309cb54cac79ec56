#pragma once

#include "lanner/detectors/training/options.h"
#include "tools/command.h"

namespace lanner::tools {

// The flags of the step loop, which train and pretrain share; the defaults are those of `loop`.
inline po::options_description loop_flags(detectors::LoopOptions& loop) {
  po::options_description options("training", kWidth, kWidth / 2);
  auto add = options.add_options();
  add("out", po::value(&loop.out)->required(), "run folder: weights, metrics.jsonl, config.cfg");
  add("epochs", defaulted(&loop.epochs), "passes over the data");
  add("max-minutes", defaulted(&loop.max_minutes),
      "stop after so many minutes of training, the schedule fitted to them; 0: no limit");
  add("batch-size", defaulted(&loop.batch_size), "images a step");
  add("optimizer", defaulted(&loop.optimizer), "sgd or adamw");
  add("lr", defaulted(&loop.lr), "learning rate");
  add("momentum", defaulted(&loop.momentum), "of sgd");
  add("weight-decay", defaulted(&loop.weight_decay), "of all weights but norms and biases");
  add("schedule", defaulted(&loop.schedule), "step or cosine");
  add("warmup-steps", defaulted(&loop.warmup_steps),
      "over which lr rises; at most a tenth of the run");
  add("clip-norm", defaulted(&loop.clip_norm), "greatest gradient norm; 0: any");
  add("ema-decay", defaulted(&loop.ema_decay),
      "of the averaged weights that are evaluated and saved; 0: none");
  add("amp", defaulted(&loop.amp)->implicit_value("true"),
      "bfloat16 autocast: true, false or auto, which measures what is faster here");
  add("seed", defaulted(&loop.seed), "of all that is drawn");
  add("device", defaulted(&loop.device), "cpu, cuda or cuda:N");
  add("workers", defaulted(&loop.workers), "threads that load data");
  add("on-bad-image", defaulted(&loop.on_bad_image),
      "stop, or skip: warn and take another in its place");
  add("log-every", defaulted(&loop.log_every), "steps between lines of metrics.jsonl");
  add("resume", defaulted(&loop.resume)->implicit_value(true), "go on from out/last.safetensors");
  return options;
}

}  // namespace lanner::tools
