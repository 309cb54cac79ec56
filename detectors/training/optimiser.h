#pragma once

#include <torch/torch.h>

#include "lanner/detectors/training/options.h"

namespace lanner::detectors {

// SGD with momentum or AdamW over a module's trainable parameters, by LibTorch's fused kernels; the
// weights of norms and all biases do not decay. Throws usage_error where no parameter's name holds
// the text of one of lr_factors.
class Optimiser {
 public:
  Optimiser(torch::nn::Module& module, const LoopOptions& options);

  void zero_grad();
  // Scales all gradients so that their norm, taken together, is at most `norm`. Nothing waits for a
  // GPU, as torch's own would.
  void clip_gradients(double norm);
  void step(double lr);

  // Momentum and the like as tensors by the names of their parameters, to be saved and brought
  // back.
  std::map<std::string, at::Tensor> state() const;
  // Throws bad_data where a tensor is missing or misshapen; `source` is named.
  void load_state(const std::map<std::string, at::Tensor>& state, const std::string& source);

 private:
  bool keeps_means() const { return adam_ || options_.momentum > 0; }
  struct Group {
    double weight_decay = 0, lr_factor = 1;
    std::vector<std::string> names;
    std::vector<at::Tensor> parameters;
    std::vector<at::Tensor> means;           // SGD's momentum, Adam's first moment
    std::vector<at::Tensor> squares, steps;  // Adam's
  };

  LoopOptions options_;
  bool adam_;
  std::vector<Group> groups_;
};

}  // namespace lanner::detectors
