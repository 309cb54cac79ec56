#pragma once

#include "lanner/ops/api.h"
#include "lanner/ops/torch.h"

#include <string>

#include "lanner/datasets/loading/batch.h"

namespace lanner::detectors {

// "cpu", "cuda" or "cuda:1". Loads the CUDA operators where a GPU is named. Throws usage_error for
// an unknown name and for a device that is not there.
LANNER_API torch::Device device_from_name(const std::string& name);

// Moves a module to a device, its convolution weights in channels-last, which convolutions need not
// reorder.
LANNER_API void place(torch::nn::Module& module, const torch::Device& device);

// Moves the images of a batch and its targets to a device.
void place(datasets::Batch& batch, const torch::Device& device);

}  // namespace lanner::detectors
