#pragma once

#include "lanner/detectors/diffusion/options.h"
#include "lanner/detectors/thresholds.h"
#include "lanner/detectors/weights/safetensors.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

class Detector;
class DetectorImpl;

// Returns a module's parameters and buffers by name. The tensors share the module's memory.
LANNER_API std::map<std::string, at::Tensor> state_of(const torch::nn::Module& module);

// Copies all parameters and buffers of the module from `tensors`, or none. Throws bad_data naming
// `source` and listing every missing, unexpected and misshapen tensor. Ignores names that begin
// with "training." (state of a resumed run) or end with "num_batches_tracked" (torchvision's batch
// norms).
LANNER_API void load_state(torch::nn::Module& module,
                           const std::map<std::string, at::Tensor>& tensors,
                           const std::string& source);

// The names of the tensors of the module that were loaded and missing, and of the file's tensors
// that were not used.
struct TransferReport {
  std::vector<std::string> loaded, missing, unused;
};

// Copies those backbone tensors from a file that the module has: backbone.body.*, or the names of a
// torchvision ResNet, which lack that prefix. Throws missing_file; and bad_data, without copying
// anything, if there are none, if a tensor has another shape, or if the running statistics of a
// frozen batch norm are missing.
LANNER_API TransferReport load_backbone(torch::nn::Module& module,
                                        const std::filesystem::path& file);

// As load_backbone, and where the file is a detector's, also copies the tensors of FPN, RPN and RoI
// head whose name and shape are those of the detector; those that predict classes only where both
// have the same class names. load_backbone's errors hold for the backbone.
LANNER_API TransferReport load_matching(DetectorImpl& detector, const std::filesystem::path& file);

// Returns a summary of a report as lines of text.
LANNER_API std::string describe(const TransferReport& report, const std::filesystem::path& file);

// Writes the weights and, as JSON metadata, the options, from which load_detector() builds the same
// detector. Throws io_error.
LANNER_API void save_detector(const std::filesystem::path& file, const Detector& detector);

// Returns the detector on the CPU, in evaluation mode, with `thresholds` in place of the stored
// ones where they have values, and a diffusion detector's sampling as `sampling` says. Throws
// missing_file; bad_data for a damaged file or weights that are not a detector's; and usage_error
// for thresholds out of range.
LANNER_API Detector load_detector(const std::filesystem::path& file,
                                  const Thresholds& thresholds = {},
                                  const SamplingChoice& sampling = {});

}  // namespace lanner::detectors
