#pragma once

#include <string_view>

// Names that flags had in version 0.1. They work, with a warning, until version 0.3.
namespace lanner::tools {

struct RenamedFlag {
  std::string_view old_name, name;
  bool digits = false;  // the value was a run of digits, "234", and is now a list, "2,3,4"
};

constexpr RenamedFlag kRenamedFlags[] = {
    {"anchor-ratios", "anchors.ratios"},
    {"anchor-sizes", "anchors.sizes"},
    {"box-beta", "roi.beta"},
    {"colour-jitter", "color-jitter"},
    {"cut-out", "cutout"},
    {"dc5-channels", "backbone.dc5-channels"},
    {"deformable-groups", "backbone.deformable.groups"},
    {"deformable-pooling", "roi.deformable"},
    {"deformable-stages", "backbone.deformable.stages", true},
    {"fpn-channels", "backbone.fpn-channels"},
    {"fpn-pool", "backbone.fpn-pool"},
    {"fpn-stages", "backbone.fpn-stages", true},
    {"head-convs", "roi.head-convs"},
    {"head-width", "roi.head-width"},
    {"lr-drops", "lr-milestones"},
    {"max-size", "resize.max-size"},
    {"min-size", "resize.min-size"},
    {"modulated", "backbone.deformable.modulated"},
    {"most-detections", "max-detections"},
    {"most-objects", "max-objects"},
    {"neighbours", "neighbors"},
    {"norm", "backbone.norm"},
    {"patch-brightness", "patch.brightness"},
    {"patch-contrast", "patch.contrast"},
    {"patch-crop", "patch.crop"},
    {"patch-flip", "patch.flip"},
    {"patch-grey", "patch.gray"},
    {"patch-one-channel", "patch.one-channel"},
    {"patch-size", "patch.size"},
    {"patch-stride", "patch.stride"},
    {"pooled-size", "roi.pooled-size"},
    {"pooling", "roi.pooling"},
    {"proposals", "rpn.post-nms-train"},
    {"sampled-rois", "roi.sampled-rois"},
    {"sampling", "roi.sampling"},
    {"smallest-crop", "min-crop"},
    {"trainable-stages", "backbone.trainable-stages"},
};

}  // namespace lanner::tools
