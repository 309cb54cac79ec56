#pragma once

#include <cstdint>

#include "lanner/datasets/fields.h"
#include "lanner/detectors/thresholds.h"

// Options of the RoI head. Plain structs, without LibTorch.
namespace lanner::detectors {

// Which RoIs of an image a training step learns from.
enum class Sampling {
  balanced,  // at random, with a fixed fraction of positives
  ohem,      // the RoIs of highest loss (online hard example mining, arXiv 1605.06409, section 2.2)
};

enum class Pooling { roi_align, roi_pool };  // R-FCN uses their position-sensitive forms

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
  double soft_nms = 0;
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

}  // namespace lanner::detectors

namespace lanner::datasets {

template <>
struct EnumNames<detectors::Sampling> {
  static constexpr std::array values{"balanced", "ohem"};
};
template <>
struct EnumNames<detectors::Pooling> {
  static constexpr std::array values{"roi_align", "roi_pool"};
};

}  // namespace lanner::datasets
