#pragma once

#include "lanner/ops/api.h"
#include "lanner/ops/torch.h"

#include <string>

namespace lanner::detectors {

// Enables autocast to bfloat16 for the calling thread within a scope, if `enabled`. Restores the
// previous state afterwards.
class LANNER_API Autocast {
 public:
  Autocast(bool enabled, c10::DeviceType device);
  Autocast(const Autocast&) = delete;
  ~Autocast();

 private:
  bool enabled_, was_enabled_ = false;
  c10::DeviceType device_;
  c10::ScalarType previous_type_ = c10::ScalarType::Float;
};

// Decides whether to compute in bfloat16. amp: "true", "false" or "auto". On the CPU, auto times a
// convolution in both types, which takes a few milliseconds, and prints the choice on stderr; on
// other devices it is true. Throws usage_error for another text.
LANNER_API bool use_bfloat16(const std::string& amp, c10::DeviceType device);

}  // namespace lanner::detectors
