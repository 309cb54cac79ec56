#include "lanner/detectors/training/optimiser.h"

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace {

constexpr const char* kMomentum = "training.momentum.";
constexpr const char* kMean = "training.exp_avg.";
constexpr const char* kSquare = "training.exp_avg_sq.";
constexpr const char* kSteps = "training.optimizer_steps";

}  // namespace

Optimiser::Optimiser(torch::nn::Module& module, const LoopOptions& options)
    : adam_(options.optimizer == "adamw") {
  std::vector<at::Tensor> decaying, others;
  for (auto& item : module.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    parameters_.emplace_back(item.key(), item.value());
    (item.value().dim() > 1 ? decaying : others).push_back(item.value());
  }
  const auto groups = [&](auto settings) {
    auto plain = settings;
    plain.weight_decay(0);
    std::vector<torch::optim::OptimizerParamGroup> groups;
    groups.emplace_back(decaying, std::make_unique<decltype(settings)>(settings));
    groups.emplace_back(others, std::make_unique<decltype(settings)>(plain));
    return groups;
  };
  if (adam_) {
    const auto settings = torch::optim::AdamWOptions(options.lr).weight_decay(options.weight_decay);
    optimizer_ = std::make_unique<torch::optim::AdamW>(groups(settings), settings);
  } else {
    const auto settings =
        torch::optim::SGDOptions(options.lr).momentum(options.momentum).weight_decay(options.weight_decay);
    optimizer_ = std::make_unique<torch::optim::SGD>(groups(settings), settings);
  }
}

void Optimiser::set_lr(double lr) {
  for (auto& group : optimizer_->param_groups()) group.options().set_lr(lr);
}

std::map<std::string, at::Tensor> Optimiser::state() const {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, parameter] : parameters_) {
    const auto found = optimizer_->state().find(parameter.unsafeGetTensorImpl());
    if (found == optimizer_->state().end()) continue;
    if (adam_) {
      auto& state = static_cast<torch::optim::AdamWParamState&>(*found->second);
      tensors[kMean + name] = state.exp_avg();
      tensors[kSquare + name] = state.exp_avg_sq();
      tensors[kSteps] = torch::tensor(state.step());
    } else {
      auto& state = static_cast<torch::optim::SGDParamState&>(*found->second);
      if (state.momentum_buffer().defined()) tensors[kMomentum + name] = state.momentum_buffer();
    }
  }
  return tensors;
}

void Optimiser::load_state(const std::map<std::string, at::Tensor>& tensors,
                           const std::string& source) {
  const auto find = [&](const std::string& name, const at::Tensor& like) {
    const auto found = tensors.find(name);
    if (found == tensors.end() || found->second.sizes() != like.sizes())
      throw bad_data(source + ": " + name + ": missing or misshapen: saved with another optimizer?");
    return torch::empty_like(like).copy_(found->second);
  };
  for (auto& [name, parameter] : parameters_) {
    auto& slot = optimizer_->state()[parameter.unsafeGetTensorImpl()];
    if (adam_) {
      auto state = std::make_unique<torch::optim::AdamWParamState>();
      state->exp_avg(find(kMean + name, parameter));
      state->exp_avg_sq(find(kSquare + name, parameter));
      state->step(find(kSteps, torch::zeros({}, torch::kLong)).item<int64_t>());
      slot = std::move(state);
    } else {
      auto state = std::make_unique<torch::optim::SGDParamState>();
      state->momentum_buffer(find(kMomentum + name, parameter));
      slot = std::move(state);
    }
  }
}

}  // namespace lanner::detectors
