#pragma once

#include <filesystem>

#include "lanner/detectors/weights/safetensors.h"

namespace lanner::detectors {

// write_safetensors(), tried three times: a disk may be full, or away, for a while.
void save_checkpoint(const std::filesystem::path& file, const SafeTensors& content);

// Keeps OUT/last.safetensors as OUT/checkpoints/STEP.safetensors as well, and the `count` newest of
// them. Throws io_error.
void keep_checkpoint(const std::filesystem::path& out, int64_t step, int count);

}  // namespace lanner::detectors
