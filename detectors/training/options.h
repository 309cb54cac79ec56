#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "lanner/detectors/options.h"

// What `lanner train` and `lanner pretrain` are told. Plain structs, without LibTorch.
namespace lanner::detectors {

// The step loop, shared.
struct LoopOptions {
  std::filesystem::path out{};  // run folder
  int epochs = 26;
  double max_minutes = 0;  // of training; 0: no limit. The schedule ends with it
  int batch_size = 2;
  std::string optimizer = "sgd";  // sgd or adamw
  double lr = 0.0025;             // torchvision's 0.02 for 16 images, scaled to batch_size 2
  double momentum = 0.9;          // sgd
  double weight_decay = 1e-4;
  std::string schedule = "step";  // step: a tenth at each of lr_drops; cosine: to 0
  std::vector<double> lr_drops{16. / 26, 22. / 26};  // parts of the run
  // Factors of the learning rate of the parameters whose names hold the text.
  std::vector<std::pair<std::string, double>> lr_factors{};
  int64_t warmup_steps = 1000;  // linear, from a thousandth
  double clip_norm = 0;         // gradient norm; 0: not clipped
  double ema_decay = 0;         // of averaged weights, which are what is saved; 0: none
  std::string amp = "false";    // bfloat16 autocast: true, false or auto, where it is faster
  bool resume = false;          // go on from out/last.safetensors
  uint64_t seed = 0;
  std::string device = "cpu";
  int workers = 2;                    // threads that load data
  std::string on_bad_image = "stop";  // or skip: warn and take another in its place
  int log_every = 10;                 // steps
  std::string config{};               // all of the run's options as text, kept in out/config.cfg

  void check() const;  // throws usage_error
};

struct TrainOptions {
  std::string data, val;             // DATA[:SPLIT]; val may be empty
  std::filesystem::path image_root;  // for COCO files whose images are elsewhere
  std::filesystem::path init;        // backbone weights to start from
  double init_lr = 1;                // factor of the learning rate of what `init` gave
  // Factor of the learning rate of what gives deformable layers their offsets. At 1 and a learning
  // rate of 0.02 offsets soon point outside the image, and the features there are 0.
  double offset_lr = 0.1;
  int evaluations = 10;      // how often val is evaluated, evenly over the run
  DetectorOptions detector;  // its categories are read from data
  datasets::AugmentOptions augment;
  double image_cache = 0;  // gigabytes of decoded images that are kept
  LoopOptions loop;
};

}  // namespace lanner::detectors
