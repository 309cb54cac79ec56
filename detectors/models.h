#pragma once

#include "lanner/detectors/training/options.h"

namespace lanner::detectors {

// A model with the training settings that suit it.
struct Preset {
  std::string name, description;
  std::string source;  // where its constants come from
  TrainOptions options;
};

// All presets; the first is what is taken where none is named.
const std::vector<Preset>& presets();
const Preset& preset(const std::string& name);  // throws usage_error
// The first of a model, "faster_rcnn" or "rfcn". Throws usage_error.
const Preset& preset_of_model(const std::string& model);

}  // namespace lanner::detectors
