#pragma once

#include <cstdint>
#include <optional>

#include "lanner/datasets/fields.h"

namespace lanner::detectors {

// What a detector keeps of its predictions. Without a value: as stored with the weights.
struct Thresholds {
  std::optional<double> score_threshold{};
  std::optional<double> nms_iou{};
  std::optional<double> soft_nms{};
  std::optional<int64_t> max_detections{};

  // RoiOptions declares its fields of the same names by this, too.
  static void visit(auto& o, auto&& field) {
    using namespace datasets;
    field(o.score_threshold, {.name = "score_threshold",
                              .help = "minimum score of a detection, before NMS",
                              .limits = between(0, 1)});
    field(o.nms_iou, {.name = "nms_iou",
                      .help = "IoU above which NMS suppresses a detection of the same class",
                      .limits = between(0, 1)});
    field(o.soft_nms, {.name = "soft_nms",
                       .help = "Soft-NMS instead (arXiv 1704.04503): the sigma of its Gaussian, "
                               "usually 0.5; 0: NMS",
                       .limits = at_least(0)});
    field(o.max_detections, {.name = "max_detections",
                             .help = "maximum number of detections per image",
                             .limits = at_least(1)});
  }
};

}  // namespace lanner::detectors
