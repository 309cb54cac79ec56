#pragma once

#include "lanner/ops/torch.h"

namespace lanner::detectors {

// Brings torch's default CPU generator back to its state at construction. Training seeds it at
// every step; a program that embeds training keeps its own random numbers.
class GeneratorGuard {
 public:
  GeneratorGuard() : state_(generator().get_state()) {}
  GeneratorGuard(const GeneratorGuard&) = delete;
  ~GeneratorGuard() { generator().set_state(state_); }

 private:
  static at::Generator generator() { return at::detail::getDefaultCPUGenerator(); }
  at::Tensor state_;
};

}  // namespace lanner::detectors
