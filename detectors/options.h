#pragma once

#include <string>
#include <vector>

#include "lanner/datasets/dataset.h"
#include "lanner/datasets/options.h"
#include "lanner/detectors/backbones/options.h"
#include "lanner/detectors/diffusion/options.h"
#include "lanner/detectors/roi_heads/options.h"
#include "lanner/detectors/rpn/options.h"
#include "lanner/ops/api.h"

// The architecture of a detector. Plain structs, without LibTorch; checkpoints hold them as JSON.
// Each struct declares its fields in `visit` (see lanner/datasets/fields.h).
namespace lanner::detectors {

struct DetectorOptions {
  std::string model = "faster_rcnn";
  BackboneOptions backbone;
  AnchorOptions anchors;
  RpnOptions rpn;
  RoiOptions roi;
  SamplingOptions sampling;
  DiffusionOptions diffusion;
  datasets::ResizeOptions resize;
  datasets::Normalization normalization;
  std::vector<datasets::Category> categories;  // labels 1..C

  static void visit(auto& o, auto&& field) {
    field(o.model, {.name = "model",
                    .help = "architecture of the second stage; diffusion has no RPN",
                    .choices = {"faster_rcnn", "rfcn", "diffusion"}});
    field(o.backbone, {.name = "backbone"});
    field(o.anchors, {.name = "anchors"});
    field(o.rpn, {.name = "rpn"});
    field(o.roi, {.name = "roi"});
    SamplingOptions::visit(o.sampling, field);
    field(o.diffusion, {.name = "diffusion"});
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

// Distributes the anchor sizes over the levels of the backbone where their number differs: all on
// one level, or as many on each.
LANNER_API void fit_anchors_to_levels(DetectorOptions& options);

}  // namespace lanner::detectors
