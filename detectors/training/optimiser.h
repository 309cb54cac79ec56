#pragma once

#include <torch/torch.h>

#include "lanner/detectors/training/options.h"

namespace lanner::detectors {

// SGD or AdamW over a module's trainable parameters; the weights of norms and all biases do not decay.
class Optimiser {
 public:
  Optimiser(torch::nn::Module& module, const LoopOptions& options);

  void set_lr(double lr);
  void zero_grad() { optimizer_->zero_grad(); }
  void step() { optimizer_->step(); }

  // Momentum and the like as tensors by the names of their parameters, to be saved and brought back.
  std::map<std::string, at::Tensor> state() const;
  // Throws bad_data where a tensor is missing; `source` is named.
  void load_state(const std::map<std::string, at::Tensor>& state, const std::string& source);

 private:
  std::vector<std::pair<std::string, at::Tensor>> parameters_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  bool adam_;
};

}  // namespace lanner::detectors
