#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lanner/datasets/fields.h"
#include "lanner/ops/api.h"

// Options of the backbone. Plain structs, without LibTorch.
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

LANNER_API std::string backbone_name(const BackboneOptions& options);
// The depth of a plain ResNet such as "resnet18". Throws usage_error.
LANNER_API int resnet_depth(const std::string& name);

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

}  // namespace lanner::datasets
