#pragma once

#include <string>

#include "lanner/datasets/evaluation/coco_evaluation.h"
#include "lanner/datasets/evaluation/error_analysis.h"
#include "lanner/datasets/evaluation/voc_evaluation.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// The JSON of --metrics-json: {"AP": .., .., "AP_at_iou": {"0.50": ..}, "iou": .., "per_class":
// {name: {"AP": .., "precision": [at 101 recalls], "threshold": .., ..}}}, with "errors" and
// "confusion" if an error analysis is given.
LANNER_API std::string to_json(const CocoMetrics& metrics, const ErrorAnalysis* errors = nullptr);
LANNER_API std::string to_json(const VocMetrics& metrics);

// Human-readable text of the same results.
LANNER_API std::string to_text(const CocoMetrics& metrics);
LANNER_API std::string to_text(const VocMetrics& metrics);
LANNER_API std::string to_text(const ErrorAnalysis& errors, const CocoMetrics& metrics);

}  // namespace lanner::datasets
