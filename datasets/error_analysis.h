#pragma once

#include <array>
#include <string>
#include <vector>

#include "lanner/datasets/evaluation.h"

namespace lanner::datasets {

// What is wrong with a detection, in the order in which it is asked (TIDE, arXiv 2008.08115, 2.2);
// `missed` is an object that no detection would find if its class or its place were right.
enum class ErrorKind { localisation, classification, duplicate, background, both, missed };
inline constexpr std::array kErrorNames{"localisation", "class", "duplicate",
                                        "background",   "both",  "missed"};

struct ErrorAnalysis {
  struct Kind {
    int64_t count = 0;   // among detections at or above their class's threshold
    double ap_gain = 0;  // AP at `iou` if all of this kind were mended, less AP as it is; 0..1
  };
  double iou = 0.5;           // from which on a detection finds an object
  double background = 0.1;    // up to which it has found nothing at all
  double AP = -1;             // at `iou`
  std::array<Kind, 6> kinds;  // by ErrorKind

  // [C + 1][C + 1] counts: rows are the objects' classes, columns the detections', the last of both
  // is background. One to one, the largest overlap first, at or above the classes' thresholds.
  std::vector<std::vector<int64_t>> confusion;
};

// `metrics` are of the same truth and detections: their thresholds and IoU are taken.
ErrorAnalysis analyse_errors(const CocoFile& truth, const std::vector<CocoDetection>& detections,
                             const CocoMetrics& metrics);

}  // namespace lanner::datasets
