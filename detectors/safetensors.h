#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <string>

namespace lanner::detectors {

// The contents of a .safetensors file: named tensors and a map of strings.
struct SafeTensors {
  std::map<std::string, at::Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

// Throws missing_file, and bad_data for a header that is not JSON, a type that torch lacks, and
// offsets that overlap, leave gaps or pass the end of the file. Nothing is read but tensors.
SafeTensors read_safetensors(const std::filesystem::path& file);

// Written beside its place first, then renamed: a reader never sees half a file. Throws io_error.
void write_safetensors(const std::filesystem::path& file, const SafeTensors& content);

}  // namespace lanner::detectors
