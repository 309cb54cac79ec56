#include "lanner/detectors/training/optimizer.h"

#include <set>

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace {

constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEps = 1e-8;

}  // namespace

Optimizer::Optimizer(torch::nn::Module& module, const LoopOptions& options)
    : options_(options), adam_(options.optimizer == "adamw") {
  std::map<std::pair<double, double>, Group> groups;  // by weight decay and learning rate factor
  std::set<std::string> unmatched;
  for (const auto& [text, factor] : options.lr_factors) unmatched.insert(text);
  for (auto& item : module.named_parameters()) {
    const auto& parameter = item.value();
    double lr_factor = 1;
    for (const auto& [text, factor] : options.lr_factors)
      if (item.key().find(text) != std::string::npos) lr_factor *= factor, unmatched.erase(text);
    if (!parameter.requires_grad()) continue;
    const double decay = parameter.dim() > 1 ? options.weight_decay : 0;
    auto& group = groups[{decay, lr_factor}];
    group.weight_decay = decay, group.lr_factor = lr_factor;
    group.names.push_back(item.key());
    group.parameters.push_back(parameter);
    group.means.push_back(torch::zeros_like(parameter));
    if (!adam_) continue;
    group.squares.push_back(torch::zeros_like(parameter));
    group.steps.push_back(torch::zeros({}, parameter.options()));
  }
  if (!unmatched.empty())
    throw usage_error("lr_factors: no parameter's name holds \"" + *unmatched.begin() + "\"");
  for (auto& [key, group] : groups) groups_.push_back(std::move(group));
}

void Optimizer::zero_grad() {
  for (auto& group : groups_)
    for (auto& parameter : group.parameters) parameter.mutable_grad().reset();
}

void Optimizer::clip_gradients(double norm) {
  const torch::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  for (const auto& group : groups_)
    for (const auto& parameter : group.parameters)
      if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  if (gradients.empty()) return;
  const auto total = torch::stack(at::_foreach_norm(gradients)).norm();
  at::_foreach_mul_(gradients, (norm / (total + 1e-6)).clamp_max(1));
}

void Optimizer::step(double lr) {
  const torch::NoGradGuard no_grad;
  for (auto& group : groups_) {
    Group updated;  // parameters that have gradients
    for (size_t i = 0; i < group.parameters.size(); ++i) {
      if (!group.parameters[i].grad().defined()) continue;
      updated.parameters.push_back(group.parameters[i]);
      if (uses_momentum()) updated.means.push_back(group.means[i]);
      if (!adam_) continue;
      updated.squares.push_back(group.squares[i]);
      updated.steps.push_back(group.steps[i]);
    }
    if (updated.parameters.empty()) continue;
    const double group_lr = lr * group.lr_factor;
    // The fused kernels do not increment version counters, which ConvUnit's cache depends on.
    for (auto& parameter : updated.parameters) torch::autograd::impl::bump_version(parameter);
    std::vector<at::Tensor> grads;
    for (const auto& parameter : updated.parameters) grads.push_back(parameter.grad());
    if (adam_) {
      at::_foreach_add_(updated.steps, 1);
      at::_fused_adamw_(updated.parameters, grads, updated.means, updated.squares, {},
                        updated.steps, group_lr, kBeta1, kBeta2, group.weight_decay, kEps,
                        /*amsgrad=*/false, /*maximize=*/false);
    } else {
      at::_fused_sgd_(updated.parameters, grads, updated.means, group.weight_decay,
                      options_.momentum, group_lr, /*dampening=*/0, /*nesterov=*/false,
                      /*maximize=*/false,
                      /*is_first_step=*/false);
    }
  }
}

std::map<std::string, at::Tensor> Optimizer::state() const {
  std::map<std::string, at::Tensor> state;
  for (const auto& group : groups_)
    for (size_t i = 0; i < group.names.size(); ++i) {
      state["training.mean." + group.names[i]] = group.means[i];
      if (!adam_) continue;
      state["training.square." + group.names[i]] = group.squares[i];
      state["training.steps." + group.names[i]] = group.steps[i];
    }
  return state;
}

void Optimizer::load_state(const std::map<std::string, at::Tensor>& saved,
                           const std::string& source) {
  for (auto& [name, tensor] : state()) {
    const auto found = saved.find(name);
    if (found == saved.end() || found->second.sizes() != tensor.sizes())
      throw bad_data(source + ": " + name +
                     ": missing or of another shape; was it saved with another optimizer?");
    tensor.copy_(found->second);
  }
}

}  // namespace lanner::detectors
