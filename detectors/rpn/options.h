#pragma once

#include <cstdint>
#include <vector>

#include "lanner/datasets/fields.h"

// Options of the anchors and of the region proposal network. Plain structs, without LibTorch.
namespace lanner::detectors {

struct AnchorOptions {
  std::vector<std::vector<double>> sizes{{32}, {64}, {128}, {256}, {512}};
  std::vector<double> ratios{0.5, 1.0, 2.0};

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.sizes, {.name = "sizes",
                    .help = "anchor sizes in pixels, one list per level: 32;64,96;128",
                    .limits = above(0)});
    field(o.ratios,
          {.name = "ratios", .help = "anchor aspect ratios, height / width", .limits = above(0)});
  }
};

struct RpnOptions {
  double positive_iou = 0.7, negative_iou = 0.3;
  int64_t sampled_anchors = 256;
  double positive_fraction = 0.5;
  int64_t pre_nms_train = 2000, pre_nms_test = 1000;
  int64_t post_nms_train = 2000, post_nms_test = 1000;
  double nms_iou = 0.7;
  int64_t conv_depth = 1;
  int64_t conv_channels = 0;

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.positive_iou, {.name = "positive_iou",
                           .help = "IoU from which an anchor is positive",
                           .limits = between(0, 1)});
    field(o.negative_iou, {.name = "negative_iou",
                           .help = "IoU below which an anchor is negative",
                           .limits = between(0, 1)});
    field(o.sampled_anchors, {.name = "sampled_anchors",
                              .help = "anchors sampled per image for the RPN's loss",
                              .limits = at_least(1)});
    field(o.positive_fraction, {.name = "positive_fraction",
                                .help = "maximum fraction of positives among them",
                                .limits = between(0, 1)});
    field(o.pre_nms_train, {.name = "pre_nms_train",
                            .help = "proposals per level before NMS in training",
                            .limits = at_least(1)});
    field(o.pre_nms_test, {.name = "pre_nms_test",
                           .help = "proposals per level before NMS in evaluation",
                           .limits = at_least(1)});
    field(o.post_nms_train, {.name = "post_nms_train",
                             .help = "proposals kept per image after NMS in training",
                             .limits = at_least(1)});
    field(o.post_nms_test, {.name = "post_nms_test",
                            .help = "proposals kept per image after NMS in evaluation",
                            .limits = at_least(1)});
    field(o.nms_iou, {.name = "nms_iou",
                      .help = "IoU above which NMS suppresses a proposal",
                      .limits = between(0, 1)});
    field(o.conv_depth, {.name = "conv_depth",
                         .help = "3x3 convolutions before the RPN's predictions",
                         .limits = between(1, 16)});
    field(o.conv_channels, {.name = "conv_channels",
                            .help = "channels of those convolutions; 0: as many as the features",
                            .limits = at_least(0)});
  }
};

}  // namespace lanner::detectors
