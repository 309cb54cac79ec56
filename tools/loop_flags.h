#pragma once

#include "lanner/detectors/training/options.h"
#include "tools/command.h"

namespace lanner::tools {

// The flags of the step loop, which train and pretrain share; the defaults are those of `loop`.
inline po::options_description loop_flags(detectors::LoopOptions& loop) {
  po::options_description options("training");
  auto add = options.add_options();
  add("out", po::value(&loop.out)->required(), "run folder: weights, metrics.jsonl, config.cfg");
  add("epochs", po::value(&loop.epochs)->default_value(loop.epochs), "passes over the data");
  add("max-minutes", po::value(&loop.max_minutes)->default_value(loop.max_minutes),
      "stop after so many minutes of training, the schedule fitted to them; 0: no limit");
  add("batch-size", po::value(&loop.batch_size)->default_value(loop.batch_size), "images a step");
  add("optimizer", po::value(&loop.optimizer)->default_value(loop.optimizer), "sgd or adamw");
  add("lr", po::value(&loop.lr)->default_value(loop.lr), "learning rate");
  add("momentum", po::value(&loop.momentum)->default_value(loop.momentum), "of sgd");
  add("weight-decay", po::value(&loop.weight_decay)->default_value(loop.weight_decay),
      "of all weights but norms and biases");
  add("schedule", po::value(&loop.schedule)->default_value(loop.schedule), "step or cosine");
  add("warmup-steps", po::value(&loop.warmup_steps)->default_value(loop.warmup_steps),
      "over which lr rises");
  add("clip-norm", po::value(&loop.clip_norm)->default_value(loop.clip_norm),
      "greatest gradient norm; 0: any");
  add("ema-decay", po::value(&loop.ema_decay)->default_value(loop.ema_decay),
      "of the averaged weights that are evaluated and saved; 0: none");
  add("amp", po::value(&loop.amp)->default_value(loop.amp)->implicit_value(true),
      "bfloat16 autocast");
  add("seed", po::value(&loop.seed)->default_value(loop.seed), "of all that is drawn");
  add("device", po::value(&loop.device)->default_value(loop.device), "cpu, cuda or cuda:N");
  add("workers", po::value(&loop.workers)->default_value(loop.workers), "threads that load data");
  add("log-every", po::value(&loop.log_every)->default_value(loop.log_every),
      "steps between lines of metrics.jsonl");
  add("resume", po::bool_switch(&loop.resume), "go on from out/last.safetensors");
  return options;
}

}  // namespace lanner::tools
