#pragma once

#include "lanner/ops/api.h"
#include "lanner/ops/torch.h"

#include <filesystem>
#include <map>
#include <string>

namespace lanner::detectors {

// The contents of a .safetensors file: named tensors and string metadata.
struct SafeTensors {
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

// Reads a file; the tensors are on the CPU. Executes no code from the file. Throws missing_file;
// and bad_data for a header that is not JSON, a type that torch lacks, offsets that overlap, leave
// gaps or exceed the file, and tensors that do not have the SHA-256 that the metadata name.
LANNER_API SafeTensors read_safetensors(const std::filesystem::path& file);

// Writes a temporary file and renames it, so that readers never see a partial file; when it
// returns, the file is on the disk. Adds the SHA-256 of the tensors to the metadata. Creates
// missing folders. Throws io_error if the file cannot be written, and bad_data for a type that the
// format lacks.
LANNER_API void write_safetensors(const std::filesystem::path& file, const SafeTensors& content);

}  // namespace lanner::detectors
