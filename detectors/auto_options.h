#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lanner/datasets/checking/data_summary.h"
#include "lanner/detectors/machine.h"
#include "lanner/detectors/training/options.h"
#include "lanner/ops/api.h"

// `--preset auto` chooses the options of a run from its data and machine. The same data, machine
// and minutes give the same choices, because nothing is benchmarked.
namespace lanner::detectors {

// A chosen option: its path, its value as text, and why.
struct Choice {
  std::string option, value, reason;
};

// Everything that the choices depend on.
struct AutoInput {
  datasets::DataSummary data;
  Machine machine;
  TrainOptions options{};  // as given by the user; others have defaults
  // Whether the user gave the option of this path. Such options are not chosen, and the choice of
  // others respects them.
  std::function<bool(const std::string&)> is_given = [](const std::string&) { return false; };
  // Architecture of the --init weights: `init` of a detector, `backbone` of a pretrained backbone.
  std::optional<DetectorOptions> init{};
  struct Backbone {
    int depth;
    int64_t width;
    Norm norm;
    int64_t groups = 1, group_width = 64;
  };
  std::optional<Backbone> backbone{};
};

// The channels of the FPN that are chosen for a backbone's width.
LANNER_API int64_t auto_fpn_channels(int64_t width);

LANNER_API std::vector<Choice> choose_options(const AutoInput& input);

}  // namespace lanner::detectors
