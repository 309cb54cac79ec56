#include "lanner/detectors/models.h"

#include "lanner/datasets/error.h"

namespace lanner::detectors {
namespace {

// For a machine of a few CPU cores: three levels, two anchor sizes each, few proposals, a small
// head.
TrainOptions small() {
  TrainOptions options;
  auto& detector = options.detector;
  detector.backbone = {.depth = 18,
                       .norm = Norm::batch,
                       .fpn_stages = {2, 3, 4},
                       .fpn_channels = 96,
                       .fpn_pool = false};
  detector.anchors = {.sizes = {{36, 60}, {96, 144}, {216, 312}}, .ratios = {1.0}};
  detector.rpn.sampled_anchors = 128;
  detector.rpn.pre_nms_train = detector.rpn.pre_nms_test = 500;
  detector.rpn.post_nms_train = detector.rpn.post_nms_test = 250;
  detector.roi.sampled_rois = 96;
  detector.roi.head_width = 256;
  detector.resize = {.min_size = 360, .max_size = 480};
  options.augment.colour_jitter = 0.3;
  options.augment.scale_jitter = 0.2;
  auto& loop = options.loop;
  loop.epochs = 100;
  loop.batch_size = 4;
  loop.lr = 0.02;
  loop.weight_decay = 5e-4;
  loop.schedule = "cosine";
  loop.warmup_steps = 100;
  loop.clip_norm = 10;
  loop.ema_decay = 0.998;
  loop.amp = true;
  return options;
}

}  // namespace

const std::vector<Preset>& presets() {
  static const std::vector<Preset> all{
      {"faster_rcnn_resnet50_fpn",
       "Faster R-CNN on ResNet-50-FPN with torchvision's constants",
       {}},
      {"small", "Faster R-CNN on ResNet-18-FPN for a few CPU cores, images of about 480 x 360",
       small()},
  };
  return all;
}

const Preset& preset(const std::string& name) {
  std::string names;
  for (const auto& known : presets()) {
    if (known.name == name) return known;
    names += (names.empty() ? "" : ", ") + known.name;
  }
  throw usage_error("preset: expected one of " + names + ", got \"" + name + "\"");
}

}  // namespace lanner::detectors
