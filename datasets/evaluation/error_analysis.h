#pragma once

#include <array>
#include <string>
#include <vector>

#include "lanner/datasets/evaluation/coco_evaluation.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// Error types of TIDE (arXiv 2008.08115, 2.2), in the order in which they are tested. `missed` is
// an object that no detection would match even with its class or its location corrected.
enum class ErrorKind { localization, classification, duplicate, background, both, missed };
inline constexpr std::array kErrorNames{"localization", "class", "duplicate",
                                        "background",   "both",  "missed"};

struct ErrorAnalysis {
  struct Kind {
    int64_t count = 0;   // among detections at or above the threshold of their class
    double ap_gain = 0;  // increase of AP at `iou` if all errors of this kind were fixed, 0..1
  };
  double iou = 0.5;           // minimum IoU of a match
  double background = 0.1;    // maximum IoU of a detection that is on background
  double AP = -1;             // at `iou`; -1 if there are no objects
  std::array<Kind, 6> kinds;  // indexed by ErrorKind

  // [C + 1][C + 1] counts. Rows are the classes of objects, columns those of detections; the last
  // of each is background. Pairs are matched one to one, highest IoU first, among detections at or
  // above the threshold of their class.
  std::vector<std::vector<int64_t>> confusion;
};

// `metrics` must be those of the same ground truth and detections; their thresholds and IoU are
// used.
LANNER_API ErrorAnalysis analyze_errors(const CocoFile& truth,
                                        const std::vector<CocoDetection>& detections,
                                        const CocoMetrics& metrics);

}  // namespace lanner::datasets
