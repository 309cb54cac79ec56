#include "lanner/detectors/training/auto_input.h"

#include "lanner/detectors/weights/metadata.h"
#include "lanner/detectors/weights/safetensors.h"

namespace lanner::detectors {
namespace {

// The architecture of a ResNet by its tensors, with torchvision's names; nothing for other files.
std::optional<AutoInput::Backbone> resnet_of(const SafeTensors& content) {
  const std::string prefix =
      content.tensors.contains("backbone.body.conv1.weight") ? "backbone.body." : "";
  const auto has = [&](const std::string& name) { return content.tensors.contains(prefix + name); };
  if (!has("conv1.weight")) return std::nullopt;
  int blocks = 0;  // of stage 3
  while (has("layer3." + std::to_string(blocks) + ".conv1.weight")) ++blocks;
  const bool bottleneck = has("layer1.0.conv3.weight");
  const int depth = bottleneck ? (blocks > 23 ? 152 : blocks > 6 ? 101 : 50) : blocks > 2 ? 34 : 18;
  AutoInput::Backbone backbone{.depth = depth,
                               .width = content.tensors.at(prefix + "conv1.weight").size(0),
                               .norm = has("bn1.running_mean") ? Norm::frozen_batch : Norm::layer};
  if (bottleneck) {  // [group_width * groups, group_width, 3, 3] where the stem has 64 channels
    const auto& conv = content.tensors.at(prefix + "layer1.0.conv2.weight");
    backbone.groups = conv.size(0) / conv.size(1);
    backbone.group_width = conv.size(1) * 64 / backbone.width;
  }
  return backbone;
}

}  // namespace

AutoInput auto_input(const TrainOptions& options) {
  options.check();
  datasets::Issues ignored;  // train() reports them
  const auto data = datasets::read_dataset(options.data, options.image_root, nullptr, ignored);
  AutoInput input{.data = datasets::summarize(data),
                  .machine = this_machine(options.loop.device),
                  .options = options};
  if (options.init.empty()) return input;
  const auto content = read_safetensors(options.init);
  input.init = detector_options_of(content.metadata, options.init);
  if (const auto backbone = pretrained_backbone_of(content.metadata, options.init))
    input.backbone = AutoInput::Backbone{
        .depth = backbone->depth, .width = backbone->width, .norm = backbone->norm};
  else if (!input.init)
    input.backbone = resnet_of(content);
  return input;
}

}  // namespace lanner::detectors
