#pragma once

#include "lanner/detectors/detector.h"

namespace lanner::tools {

// The options with categories named 1..classes added.
detectors::DetectorOptions with_classes(detectors::DetectorOptions options, int classes);

// A detector with random weights, and batch norm statistics that keep features finite. The seed is
// 0.
detectors::Detector random_detector(const detectors::DetectorOptions& options);

}  // namespace lanner::tools
