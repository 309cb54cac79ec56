#pragma once

#include <string>
#include <vector>

#include "lanner/datasets/reading/coco.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

struct VocMetrics {
  struct Class {
    std::string name;
    double AP = -1;
  };
  double mAP = -1;
  std::vector<Class> classes;
};

// Average precision of Pascal VOC at `iou`: eleven points (VOC 2007), or the area under the
// envelope of the precision-recall curve (VOC 2010 and later). Difficult objects are ignored: they
// count neither as positives nor, if detected, as false positives. Boxes are inclusive pixel
// ranges, with "+1", as in VOC (voc_eval.py of py-faster-rcnn, with a stable sort).
LANNER_API VocMetrics evaluate_voc(const CocoFile& truth,
                                   const std::vector<CocoDetection>& detections, bool eleven_points,
                                   double iou = 0.5);

}  // namespace lanner::datasets
