#pragma once

#include "lanner/ops/torch.h"

#include "lanner/detectors/training/loop_options.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// SGD with momentum, or AdamW (arXiv 1711.05101), over a module's trainable parameters, with
// LibTorch's fused kernels. Weight decay does not apply to norms and biases.
class LANNER_API Optimizer {
 public:
  // Throws usage_error if no parameter's name contains the text of one of options.lr_factors.
  Optimizer(torch::nn::Module& module, const LoopOptions& options);

  void zero_grad();
  // Scales all gradients so that their total L2 norm is at most `norm`. Unlike torch's function, it
  // does not synchronize with the GPU.
  void clip_gradients(double norm);
  // Updates the parameters that have gradients. lr: learning rate before the factors of groups.
  void step(double lr);

  // Returns the optimizer's state as tensors "training.*", named after their parameters.
  std::map<std::string, at::Tensor> state() const;
  // Restores a state. Throws bad_data naming `source` where a tensor is missing or has another
  // shape.
  void load_state(const std::map<std::string, at::Tensor>& state, const std::string& source);

 private:
  bool uses_momentum() const { return adam_ || options_.momentum > 0; }
  struct Group {
    double weight_decay = 0, lr_factor = 1;
    std::vector<std::string> names;
    std::vector<at::Tensor> parameters;
    std::vector<at::Tensor> means;           // momentum buffers of SGD, first moments of Adam
    std::vector<at::Tensor> squares, steps;  // second moments and step counts of Adam
  };

  LoopOptions options_;
  bool adam_;
  std::vector<Group> groups_;
};

}  // namespace lanner::detectors
