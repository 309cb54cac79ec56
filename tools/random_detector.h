#pragma once

#include "lanner/detectors/detector.h"

namespace lanner::tools {

detectors::DetectorOptions with_classes(detectors::DetectorOptions options, int classes);

// Of random weights under which features stay finite.
detectors::Detector random_detector(const detectors::DetectorOptions& options);

}  // namespace lanner::tools
