#pragma once

#include "lanner/datasets/reading/coco.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// Numbers of detections that evaluation ignores, because the ground truth lacks their image or
// their category.
struct UnknownResults {
  int64_t images = 0, categories = 0;
};

LANNER_API UnknownResults count_unknown(const CocoFile& truth,
                                        const std::vector<CocoDetection>& detections);

}  // namespace lanner::datasets
