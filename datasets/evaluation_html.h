#pragma once

#include <string>

#include "lanner/datasets/error_analysis.h"

namespace lanner::datasets {

// An evaluation as part of a page: the numbers, the classes, precision-recall curves, errors and
// the confusion matrix, and the images with the most errors, objects in white under the detections.
// iou: from which on an object is found, for all but AP.
std::string evaluation_html(const Dataset& dataset, const std::vector<CocoDetection>& detections,
                            double iou = 0.5);

}  // namespace lanner::datasets
