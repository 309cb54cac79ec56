#pragma once

#include "lanner/detectors/training/options.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// A detector architecture with suitable training settings.
struct Preset {
  std::string name, description;
  std::string source;  // of its constants: a paper or a repository
  TrainOptions options;
};

// Returns all presets; the first one is the default.
LANNER_API const std::vector<Preset>& presets();
// Returns a preset by name. Throws usage_error for an unknown name, which lists those that are
// known and `other`, a name that the caller takes besides.
LANNER_API const Preset& preset(const std::string& name, const std::string& other = "");
// Returns the first preset of a model, "faster_rcnn" or "rfcn". Throws usage_error for another
// model.
LANNER_API const Preset& preset_of_model(const std::string& model);

}  // namespace lanner::detectors
