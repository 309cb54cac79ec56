#pragma once

#include "lanner/detectors/detect_options.h"
#include "lanner/detectors/detector.h"
#include "lanner/detectors/safetensors.h"

namespace lanner::detectors {

// A module's parameters and buffers by name.
std::map<std::string, at::Tensor> state_of(const torch::nn::Module& module);

// Copies every tensor of the module from `tensors` by name, all or nothing. Throws bad_data listing
// every missing, unexpected and misshapen tensor. `source` is named in the message. Names that
// begin with "training." belong to a resumed run, "num_batches_tracked" to torchvision's batch
// norms: both are passed over.
void load_state(torch::nn::Module& module, const std::map<std::string, at::Tensor>& tensors,
                const std::string& source);

// What came of starting from another model's weights.
struct TransferReport {
  std::vector<std::string> loaded, fresh, unused;
};

// Copies the backbone tensors (backbone.body.*; torchvision's own ResNets, without that prefix,
// too) that the module has. Throws bad_data, and copies nothing, where there are none, and where
// one has another shape: it is of another ResNet then.
TransferReport load_backbone(torch::nn::Module& module, const std::filesystem::path& file);

std::string describe(const TransferReport& report, const std::filesystem::path& file);

// The metadata of a detector's weights: format version, and its options as JSON.
std::map<std::string, std::string> metadata_of(const DetectorOptions& options);

// Weights and the JSON of the options, from which load_detector builds the same detector.
void save_detector(const std::filesystem::path& file, const Detector& detector);
// Throws missing_file and bad_data. On the CPU, in evaluation mode.
Detector load_detector(const std::filesystem::path& file, const Thresholds& thresholds = {});

// Moves a module's weights, and to channels-last, where the convolutions run without reordering.
void place(torch::nn::Module& module, const torch::Device& device);

// "cpu", "cuda", "cuda:1". Loads the CUDA operators where asked for. Throws usage_error for an
// unknown name or a device that is not there.
torch::Device device_from_name(const std::string& name);

}  // namespace lanner::detectors
