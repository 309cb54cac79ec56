#pragma once

#include <array>
#include <string>
#include <vector>

#include "lanner/datasets/reading/coco.h"
#include "lanner/ops/api.h"

namespace lanner::datasets {

// Precision-recall curve of one class at one IoU, all areas, up to 100 detections per image.
struct OperatingCurve {
  std::array<double, 101> precision{};  // maximum precision at recall >= 0, .01 .. 1
  std::array<double, 101> score{};      // score at which that recall is reached; 0 if it is not
  double f1 = 0, threshold = 0;         // best F1 and the score threshold that gives it
};

struct ClassMetrics {
  std::string name;
  int64_t objects = 0;  // excluding crowds
  int64_t detections = 0;
  double AP = -1, AP50 = -1, AP75 = -1, AR100 = -1;
  OperatingCurve curve;
};

// COCO's twelve metrics, 0 to 1; -1 if undefined.
struct CocoMetrics {
  double AP = -1, AP50 = -1, AP75 = -1;    // IoU .50:.05:.95, .50, .75; 100 detections per image
  double APs = -1, APm = -1, APl = -1;     // areas up to 32^2, up to 96^2, above
  double AR1 = -1, AR10 = -1, AR100 = -1;  // with 1, 10 and 100 detections per image
  double ARs = -1, ARm = -1, ARl = -1;
  std::array<double, 10> AP_at_iou{};  // at .50, .55 .. .95
  double iou = 0.5;                    // IoU of the curves of the classes
  std::vector<ClassMetrics> classes;   // in the order of the ground truth's categories
};

// COCO's bounding-box evaluation. The metrics equal those of pycocotools 2.0.11 (cocoeval.py) up to
// the last ulps. Detections in images or categories that the ground truth does not have are
// ignored. `iou`, 0..1, is the IoU of the curves of the classes. Uses all cores.
LANNER_API CocoMetrics evaluate_coco(const CocoFile& truth,
                                     const std::vector<CocoDetection>& detections,
                                     double iou = 0.5);

}  // namespace lanner::datasets
