#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "lanner/datasets/loading/batch.h"
#include "lanner/detectors/detector.h"
#include "lanner/detectors/quantization/options.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

struct LayerError {
  std::string name;
  double error = 0;  // of its output: the norm of the difference over the norm
  bool quantized = false;
};

// Gives the layers of a detector their int8 forms: weights by output channel and symmetric,
// activations by tensor, with ranges from the batches that next() returns until it returns nothing.
// Layers that predict offsets, deformable convolutions, and layers whose error is above
// options.max_error stay as they are. The detector, in evaluation mode on the CPU, can then detect
// and be saved, but not be trained. Returns the layers in the order in which they run. Throws
// usage_error for options out of range, for a part of options.float_layers that no layer has, for a
// detector that is quantized already, and where LibTorch lacks the operators.
LANNER_API std::vector<LayerError> quantize(
    Detector& detector, const std::function<std::optional<datasets::Batch>()>& next,
    const CalibrationOptions& options);

}  // namespace lanner::detectors
