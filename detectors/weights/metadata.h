#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "lanner/detectors/backbones/options.h"
#include "lanner/ops/api.h"

// The metadata of weight files: what the tensors are the weights of. A detector's file holds its
// options, a pretrained backbone's what it was pretrained as; both hold the version of the format.
// The state of a run, "training", is in training/run_state.h.
namespace lanner::detectors {

struct DetectorOptions;

using Metadata = std::map<std::string, std::string>;

// What a pretrained backbone is and was shown.
struct PretrainedBackbone {
  std::string objective = "cpc";
  int depth = 18;
  int64_t width = 64;
  int stages = 4;
  Norm norm = Norm::layer;
  int image_size = 144;
  int patch_size = 48, patch_stride = 24;
};

Metadata metadata_of(const DetectorOptions& options);
Metadata metadata_of(const PretrainedBackbone& backbone);

// Of detectors with int8 layers: which LibTorch made them.
constexpr const char* kQuantization = "quantization";

// The options of a detector's weights; nothing where they are not a detector's. Throws bad_data
// naming `file` for another format version and for options that cannot be read.
LANNER_API std::optional<DetectorOptions> detector_options_of(const Metadata& metadata,
                                                              const std::filesystem::path& file);

// The same of a pretrained backbone.
LANNER_API std::optional<PretrainedBackbone> pretrained_backbone_of(
    const Metadata& metadata, const std::filesystem::path& file);

}  // namespace lanner::detectors
