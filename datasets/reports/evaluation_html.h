#pragma once

#include <string>

#include "lanner/datasets/evaluation/error_analysis.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// An evaluation as part of a page: metrics, metrics per class, precision-recall curves, errors, the
// confusion matrix, and the images with the most errors, with objects drawn in white below the
// detections. `iou` is the minimum IoU of a match for everything except AP and AR.
LANNER_API std::string evaluation_html(const Dataset& dataset,
                                       const std::vector<CocoDetection>& detections,
                                       double iou = 0.5);

}  // namespace lanner::datasets
