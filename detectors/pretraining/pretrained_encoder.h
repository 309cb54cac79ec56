#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "lanner/detectors/pretraining/objective.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// The architecture of a backbone, and the size of the images and patches it was trained on.
struct EncoderArchitecture {
  int depth = 18;
  int64_t width = 64;
  int stages = 4;
  Norm norm = Norm::frozen_batch;
  int image_size = 128;
  PatchOptions patch{};

  LANNER_API std::string name() const;
};

// What a file of weights records: of a detector, or of a pretrained backbone; otherwise
// `otherwise`. Throws missing_file and bad_data.
LANNER_API EncoderArchitecture architecture_of(const std::filesystem::path& weights,
                                               const EncoderArchitecture& otherwise);

// An encoder with the names of a detector's backbone.
struct EncoderHolder : torch::nn::Module {
  LANNER_API explicit EncoderHolder(const EncoderArchitecture& architecture);
  Encoder encoder;
};

// The encoder of a file; without a file, an untrained one, from torch's default generator. Throws
// missing_file; bad_data where the file lacks a tensor of it.
LANNER_API std::shared_ptr<EncoderHolder> load_encoder(const std::filesystem::path& weights,
                                                       const EncoderArchitecture& otherwise);

}  // namespace lanner::detectors
