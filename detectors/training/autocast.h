#pragma once

#include <torch/torch.h>

#include <string>

namespace lanner::detectors {

// Autocast to bfloat16 within a scope, where `on`; afterwards as it was before.
class Autocast {
 public:
  Autocast(bool on, c10::DeviceType device);
  Autocast(const Autocast&) = delete;
  ~Autocast();

 private:
  bool on_, was_on_ = false;
  c10::DeviceType device_;
  c10::ScalarType was_type_ = c10::ScalarType::Float;
};

// Whether to compute in bfloat16 where --amp says true, false or auto: on the CPU auto times a
// convolution both ways, a few milliseconds, and says on stderr what it chose; elsewhere it is
// true. Throws usage_error.
bool bfloat16_wanted(const std::string& amp, c10::DeviceType device);

}  // namespace lanner::detectors
