#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"
#include "lanner/datasets/options.h"
#include "lanner/detectors/thresholds.h"
#include "lanner/ops/api.h"

// The architecture of a detector. Plain structs, without LibTorch; checkpoints hold them as JSON.
// Each struct declares its fields in `visit` (see lanner/datasets/fields.h).
namespace lanner::detectors {

enum class Norm {
  frozen_batch,  // batch norm whose statistics and weights are fixed: for pretrained backbones
  batch,
  group,  // 32 groups
  layer,  // one group over all channels: independent of batch and image size
  none,   // a learned scale and shift, no statistics
};

// The part between a ResNet and the two stages of a detector.
enum class Neck {
  fpn,  // feature pyramid (arXiv 1612.03144)
  c4,   // none: RPN and RoI head read stage 3, of stride 16; stage 4 is part of the RoI head
  dc5,  // the RPN reads stage 3, the RoI head reads stage 4, dilated so that its stride is 16 too
};

// Which RoIs of an image a training step learns from.
enum class Sampling {
  balanced,  // at random, with a fixed fraction of positives
  ohem,      // the RoIs of highest loss (online hard example mining, arXiv 1605.06409, section 2.2)
};

enum class Pooling { roi_align, roi_pool };  // R-FCN uses their position-sensitive forms

// Deformable 3x3 convolutions (arXiv 1703.06211). The offsets of each come from a convolution of
// its own, whose weights are 0 at first.
struct DeformableOptions {
  std::vector<int> stages{};
  int64_t groups = 1;  // 4 in the authors' code
  bool modulated = false;

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.stages, {.name = "stages",
                     .help = "backbone stages whose 3x3 convolutions are deformable, such as 3,4",
                     .limits = between(1, 4)});
    field(o.groups, {.name = "groups",
                     .help = "groups of channels with offsets of their own: 1, 2, 4, .. 64",
                     .limits = between(1, 64)});
    field(o.modulated, {.name = "modulated",
                        .help = "also weight each sample by 0..2 (DCNv2, arXiv 1811.11168)"});
  }
};

struct BackboneOptions {
  int depth = 50;
  int64_t width = 64;  // 32 for quick training from random weights on a CPU
  // The 3x3 convolutions of bottlenecks: 32 groups of width 4 make ResNeXt-50 32x4d, one of width
  // 128 a wide ResNet.
  int64_t groups = 1, group_width = 64;
  Neck neck = Neck::fpn;
  Norm norm = Norm::batch;
  double norm_eps = 1e-5;                   // 0 for torchvision's published fasterrcnn_resnet50_fpn
  std::vector<int> fpn_stages{1, 2, 3, 4};  // of strides 4, 8, 16, 32
  int64_t fpn_channels = 256;
  bool fpn_norm = false;
  bool fpn_pool = true;
  int64_t dc5_channels = 256;  // 1024 for R-FCN
  DeformableOptions deformable{};
  int trainable_stages = 5;

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.depth, {.name = "depth", .help = "layers of the ResNet: 18, 34, 50, 101 or 152"});
    field(o.width, {.name = "width",
                    .help = "channels of the stem, 64 as published; each stage has in proportion",
                    .limits = between(8, 256)});
    field(o.groups, {.name = "groups",
                     .help = "groups of the 3x3 convolutions in bottlenecks (ResNeXt)",
                     .limits = at_least(1)});
    field(o.group_width, {.name = "group_width",
                          .help = "channels per group at stage 1 (ResNeXt, wide ResNet)",
                          .limits = at_least(1)});
    field(o.neck, {.name = "neck", .help = "what connects the ResNet to RPN and RoI head"});
    field(o.norm, {.name = "norm", .help = "normalization layers of the ResNet"});
    field(o.norm_eps, {.name = "norm_eps",
                       .help = "epsilon of the normalization layers",
                       .limits = from_and_below(0, 1)});
    field(o.fpn_stages, {.name = "fpn_stages",
                         .help = "consecutive ResNet stages in the FPN, such as 2,3,4",
                         .limits = between(1, 4)});
    field(o.fpn_channels,
          {.name = "fpn_channels", .help = "channels of each FPN level", .limits = at_least(1)});
    field(o.fpn_norm,
          {.name = "fpn_norm", .help = "batch norm after the FPN's convolutions, without bias"});
    field(o.fpn_pool, {.name = "fpn_pool", .help = "an additional, coarser FPN level for the RPN"});
    field(o.dc5_channels, {.name = "dc5_channels",
                           .help = "channels of the dilated stage 4 after its 1x1 convolution",
                           .limits = at_least(1)});
    field(o.deformable, {.name = "deformable"});
    field(o.trainable_stages, {.name = "trainable_stages",
                               .help = "stages trained, counted from the last; 5 includes the stem",
                               .limits = between(0, 5)});
  }
};

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

struct RoiOptions {
  double positive_iou = 0.5;
  Sampling sampling = Sampling::balanced;
  int64_t sampled_rois = 512;
  double positive_fraction = 0.25;
  Pooling pooling = Pooling::roi_align;
  bool deformable = false;
  int64_t pooled_size = 7;
  int64_t sampling_ratio = 2;
  int64_t head_convs = 0;
  int64_t head_width = 1024;
  double beta = 1. / 9;
  double score_threshold = 0.05;
  double nms_iou = 0.5;
  int64_t max_detections = 100;

  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.positive_iou, {.name = "positive_iou",
                           .help = "IoU from which a proposal is positive",
                           .limits = between(0, 1)});
    field(o.sampling, {.name = "sampling",
                       .help = "choice of the RoIs that a step learns from: at random, or the "
                               "hardest"});
    field(o.sampled_rois, {.name = "sampled_rois",
                           .help = "RoIs sampled per image for the head's loss",
                           .limits = at_least(1)});
    field(o.positive_fraction, {.name = "positive_fraction",
                                .help = "maximum fraction of positives among them",
                                .limits = between(0, 1)});
    field(o.pooling, {.name = "pooling",
                      .help = "RoI pooling operator; R-FCN uses its position-sensitive form"});
    field(o.deformable, {.name = "deformable",
                         .help = "RoI pooling whose bins move by learned offsets (arXiv "
                                 "1703.06211, section 2.2)"});
    field(o.pooled_size, {.name = "pooled_size",
                          .help = "bins of RoI pooling per axis; k of R-FCN",
                          .limits = between(1, 64)});
    field(o.sampling_ratio, {.name = "sampling_ratio",
                             .help = "samples per bin and axis of RoIAlign; 0: by the RoI's size",
                             .limits = at_least(0)});
    field(o.head_convs, {.name = "head_convs",
                         .help = "3x3 convolutions of the head: on pooled RoIs, in R-FCN on the "
                                 "features",
                         .limits = between(0, 16)});
    field(o.head_width, {.name = "head_width",
                         .help = "width of the head's fully connected layers; in R-FCN of its "
                                 "convolutions",
                         .limits = at_least(1)});
    field(o.beta, {.name = "beta",
                   .help = "error at which the box loss (smooth L1) turns from quadratic to linear",
                   .limits = above(0)});
    Thresholds::visit(o, field);
  }
};

struct DetectorOptions {
  std::string model = "faster_rcnn";
  BackboneOptions backbone;
  AnchorOptions anchors;
  RpnOptions rpn;
  RoiOptions roi;
  datasets::ResizeOptions resize;
  datasets::Normalization normalization;
  std::vector<datasets::Category> categories;  // labels 1..C

  static void visit(auto& o, auto&& field) {
    field(o.model,
          {.name = "model", .help = "two-stage architecture", .choices = {"faster_rcnn", "rfcn"}});
    field(o.backbone, {.name = "backbone"});
    field(o.anchors, {.name = "anchors"});
    field(o.rpn, {.name = "rpn"});
    field(o.roi, {.name = "roi"});
    field(o.resize, {.name = "resize"});
    field(o.normalization, {.name = "normalization"});
    field(o.categories, {.name = "categories", .help = "id and name of each class"});
  }

  // Throws usage_error naming the option that is out of range or contradicts another.
  LANNER_API void check() const;
};

LANNER_API std::string to_json(const DetectorOptions& options);
// Fields that are absent have their defaults: earlier versions did not know them. Throws
// usage_error naming the path of a field that is unknown or wrong.
LANNER_API DetectorOptions options_from_json(const std::string& json);

// Sets depth and neck by name: "resnet18-fpn", "resnet50-c4", "resnet101-dc5", or without a neck.
// Throws usage_error for an unknown name.
LANNER_API void set_backbone(DetectorOptions& options, const std::string& name);
LANNER_API std::string backbone_name(const BackboneOptions& options);
// The depth of a plain ResNet such as "resnet18". Throws usage_error.
LANNER_API int resnet_depth(const std::string& name);

// Distributes the anchor sizes over the levels of the backbone where their number differs: all on
// one level, or as many on each.
LANNER_API void fit_anchors_to_levels(DetectorOptions& options);

}  // namespace lanner::detectors

namespace lanner::datasets {

template <>
struct EnumNames<detectors::Norm> {
  static constexpr std::array values{"frozen_batch", "batch", "group", "layer", "none"};
};
template <>
struct EnumNames<detectors::Neck> {
  static constexpr std::array values{"fpn", "c4", "dc5"};
};
template <>
struct EnumNames<detectors::Sampling> {
  static constexpr std::array values{"balanced", "ohem"};
};
template <>
struct EnumNames<detectors::Pooling> {
  static constexpr std::array values{"roi_align", "roi_pool"};
};

}  // namespace lanner::datasets
