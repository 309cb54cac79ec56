#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lanner/datasets/checking/data_summary.h"
#include "lanner/detectors/options.h"
#include "lanner/ops/api.h"

// `--preset auto` chooses the options of a run from its data and machine. The same data, machine
// and minutes give the same choices, because nothing is benchmarked.
namespace lanner::detectors {

struct Machine {
  int cores = 1;
  bool bfloat16 = false;  // AVX-512 BF16 or AMX: bfloat16 is faster than float32
  double memory = 1;      // gigabytes
  bool gpu = false;
};
LANNER_API Machine this_machine(const std::string& device);

// A chosen option: its path, its value as text, and why.
struct Choice {
  std::string option, value, reason;
};

// Everything that the choices depend on.
struct AutoInput {
  datasets::DataSummary data;
  Machine machine;
  double max_minutes = 0;  // 0: not limited
  // Architecture of the --init weights: `init` of a detector, `backbone` of a pretrained backbone.
  std::optional<DetectorOptions> init{};
  struct Backbone {
    int depth;
    int64_t width;
    Norm norm;
  };
  std::optional<Backbone> backbone{};
};

LANNER_API std::vector<Choice> choose_options(const AutoInput& input);

}  // namespace lanner::detectors
