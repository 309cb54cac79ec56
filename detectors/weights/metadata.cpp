#include "lanner/detectors/weights/metadata.h"

#include <nlohmann/json.hpp>

#include "lanner/datasets/error.h"
#include "lanner/detectors/options.h"

namespace lanner::detectors {
namespace {

constexpr const char* kFormat = "1";

void check_format(const Metadata& metadata, const std::filesystem::path& file) {
  const auto format = metadata.find("format");
  if (format == metadata.end() || format->second != kFormat)
    throw bad_data(file.string() + ": format: expected version " + kFormat + ", got \"" +
                   (format == metadata.end() ? "" : format->second) + "\"");
}

}  // namespace

Metadata metadata_of(const DetectorOptions& options) {
  return {{"format", kFormat}, {"architecture", to_json(options)}};
}

Metadata metadata_of(const PretrainedBackbone& b) {
  const nlohmann::json json{{"objective", b.objective},
                            {"depth", b.depth},
                            {"width", b.width},
                            {"stages", b.stages},
                            {"norm", datasets::to_text(b.norm)},
                            {"image_size", b.image_size},
                            {"patch_size", b.patch_size},
                            {"patch_stride", b.patch_stride}};
  return {{"format", kFormat}, {"pretraining", json.dump()}};
}

std::optional<DetectorOptions> detector_options_of(const Metadata& metadata,
                                                   const std::filesystem::path& file) {
  const auto found = metadata.find("architecture");
  if (found == metadata.end()) return std::nullopt;
  check_format(metadata, file);
  try {
    return options_from_json(found->second);
  } catch (const Error& error) {
    throw bad_data(file.string() + ": architecture: " + error.what());
  }
}

std::optional<PretrainedBackbone> pretrained_backbone_of(const Metadata& metadata,
                                                         const std::filesystem::path& file) {
  const auto found = metadata.find("pretraining");
  if (found == metadata.end()) return std::nullopt;
  try {
    const auto json = nlohmann::json::parse(found->second);
    PretrainedBackbone b{.objective = json.value("objective", "cpc"),
                         .depth = json.at("depth"),
                         .width = json.value("width", int64_t{64}),
                         .stages = json.at("stages"),
                         .image_size = json.at("image_size"),
                         .patch_size = json.at("patch_size"),
                         .patch_stride = json.at("patch_stride")};
    datasets::from_text("norm", json.at("norm").get<std::string>(), b.norm);
    return b;
  } catch (const nlohmann::json::exception& error) {
    throw bad_data(file.string() + ": pretraining: " + error.what());
  } catch (const Error& error) {
    throw bad_data(file.string() + ": pretraining: " + error.what());
  }
}

}  // namespace lanner::detectors
