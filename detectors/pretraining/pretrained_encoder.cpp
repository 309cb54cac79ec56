#include "lanner/detectors/pretraining/pretrained_encoder.h"

#include "lanner/datasets/error.h"
#include "lanner/detectors/options.h"
#include "lanner/detectors/weights/checkpoint.h"
#include "lanner/detectors/weights/metadata.h"

namespace lanner::detectors {

std::string EncoderArchitecture::name() const {
  return c10::str("resnet", depth, width == 64 ? "" : c10::str(" of width ", width), " to ", stages,
                  " ", datasets::to_text(norm), ", ", image_size, " px, ", patch.size, "/",
                  patch.stride);
}

EncoderArchitecture architecture_of(const std::filesystem::path& weights,
                                    const EncoderArchitecture& otherwise) {
  const auto metadata = read_safetensors(weights).metadata;
  if (const auto detector = detector_options_of(metadata, weights))
    return {.depth = detector->backbone.depth,
            .width = detector->backbone.width,
            .norm = detector->backbone.norm,
            .image_size = otherwise.image_size};
  if (const auto found = pretrained_backbone_of(metadata, weights))
    return {found->depth,      found->width,
            found->stages,     found->norm,
            found->image_size, {.size = found->patch_size, .stride = found->patch_stride}};
  return otherwise;
}

EncoderHolder::EncoderHolder(const EncoderArchitecture& a)
    : encoder(
          ResNetOptions{.depth = a.depth, .width = a.width, .norm = a.norm, .stages = a.stages}) {
  register_module("backbone", encoder);
}

std::shared_ptr<EncoderHolder> load_encoder(const std::filesystem::path& weights,
                                            const EncoderArchitecture& otherwise) {
  if (weights.empty()) {
    auto untrained = otherwise;
    untrained.norm = Norm::layer;  // batch norms without statistics normalize nothing
    return std::make_shared<EncoderHolder>(untrained);
  }
  const auto holder = std::make_shared<EncoderHolder>(architecture_of(weights, otherwise));
  if (const auto transfer = load_backbone(*holder, weights); !transfer.missing.empty())
    throw bad_data(weights.string() + ": backbone: holds no " + transfer.missing.front());
  return holder;
}

}  // namespace lanner::detectors
