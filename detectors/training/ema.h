#pragma once

#include "lanner/ops/torch.h"

#include <map>
#include <string>
#include <vector>

namespace lanner::detectors {

// The exponential moving average of a module's parameters and floating-point buffers: the weights
// that are evaluated and saved. Training goes on with the raw ones.
class Ema {
 public:
  // decay: 0 for none; then every member does nothing. `average`: a module of the same
  // architecture that is given the average after every update; may be null.
  Ema(torch::nn::Module& module, double decay, torch::nn::Module* average = nullptr);

  void update(int64_t step);

  // Adds the raw weights to a checkpoint, as "training.raw.NAME". To be called in a scope of
  // AveragedWeights.
  void save(std::map<std::string, at::Tensor>& tensors) const;
  // After a checkpoint's averaged weights were loaded into the module: brings back average and raw
  // weights. Throws bad_data naming `source` where the raw ones are missing.
  void load(const std::map<std::string, at::Tensor>& tensors, const std::string& source);

 private:
  friend class AveragedWeights;
  bool on() const { return decay_ > 0; }
  void exchange(size_t i);

  double decay_;
  std::vector<at::Tensor> raw_, average_;
  std::vector<std::string> names_;
  at::Tensor buffer_;  // as large as the largest tensor, so that exchanging allocates nothing
};

// The module has the averaged weights while one lives, and the raw ones afterwards, whatever is
// thrown in between.
class AveragedWeights {
 public:
  explicit AveragedWeights(Ema& ema);
  AveragedWeights(const AveragedWeights&) = delete;
  ~AveragedWeights();

 private:
  Ema& ema_;
};

}  // namespace lanner::detectors
