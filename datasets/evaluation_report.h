#pragma once

#include <string>

#include "lanner/datasets/error_analysis.h"
#include "lanner/datasets/evaluation.h"

namespace lanner::datasets {

// What --metrics-json writes: {"AP": .., .., "AP_at_iou": {"0.50": ..}, "iou": .., "per_class":
// {name: {"AP": .., "precision": [at 101 recalls], "threshold": .., ..}}}, and of an analysis
// "errors" and "confusion", where there is one.
std::string to_json(const CocoMetrics& metrics, const ErrorAnalysis* errors = nullptr);
std::string to_json(const VocMetrics& metrics);

// The same for people.
std::string to_text(const CocoMetrics& metrics);
std::string to_text(const VocMetrics& metrics);
std::string to_text(const ErrorAnalysis& errors, const CocoMetrics& metrics);

}  // namespace lanner::datasets
