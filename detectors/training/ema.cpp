#include "lanner/detectors/training/ema.h"

#include "lanner/datasets/error.h"
#include "lanner/detectors/weights/checkpoint.h"

namespace lanner::detectors {

Ema::Ema(torch::nn::Module& module, double decay, torch::nn::Module* average) : decay_(decay) {
  if (!on()) return;
  const torch::NoGradGuard no_grad;
  const auto held = average ? state_of(*average) : std::map<std::string, at::Tensor>();
  int64_t largest = 0;
  for (const auto& [name, tensor] : state_of(module)) {
    names_.push_back(name);
    raw_.push_back(tensor);
    average_.push_back(average ? held.at(name) : tensor.clone());
    average_.back().copy_(tensor);
    largest = std::max<int64_t>(largest, static_cast<int64_t>(tensor.nbytes()));
  }
  if (!raw_.empty()) buffer_ = at::empty({largest}, raw_[0].options().dtype(at::kByte));
}

void Ema::update(int64_t step) {
  if (!on()) return;
  const torch::NoGradGuard no_grad;
  // A young average follows the weights closely: otherwise it would keep the random start.
  const double decay =
      std::min(decay_, (1. + static_cast<double>(step)) / (10. + static_cast<double>(step)));
  for (size_t i = 0; i < raw_.size(); ++i)
    if (raw_[i].is_floating_point()) average_[i].lerp_(raw_[i], 1 - decay);
}

void Ema::exchange(size_t i) {
  const torch::NoGradGuard no_grad;
  auto& raw = raw_[i];
  auto& average = average_[i];
  const auto held = buffer_.slice(0, 0, static_cast<int64_t>(raw.nbytes()))
                        .view(raw.scalar_type())
                        .as_strided(raw.sizes(), raw.strides());
  held.copy_(raw);
  raw.copy_(average);
  average.copy_(held);
}

void Ema::save(std::map<std::string, at::Tensor>& tensors) const {
  for (size_t i = 0; i < raw_.size(); ++i) tensors["training.raw." + names_[i]] = average_[i];
}

void Ema::load(const std::map<std::string, at::Tensor>& tensors, const std::string& source) {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < raw_.size(); ++i) {
    average_[i].copy_(raw_[i]);
    auto found = tensors.find("training.raw." + names_[i]);
    if (found == tensors.end()) found = tensors.find("training.live." + names_[i]);  // version 0.1
    if (found == tensors.end() || found->second.sizes() != raw_[i].sizes())
      throw bad_data(source + ": training.raw." + names_[i] +
                     ": missing: was it saved without ema_decay?");
    raw_[i].copy_(found->second);
  }
}

AveragedWeights::AveragedWeights(Ema& ema) : ema_(ema) {
  for (size_t i = 0; i < ema_.raw_.size(); ++i) ema_.exchange(i);
}

AveragedWeights::~AveragedWeights() {
  for (size_t i = 0; i < ema_.raw_.size(); ++i) ema_.exchange(i);
}

}  // namespace lanner::detectors
