#pragma once

#include <array>
#include <string>
#include <vector>

#include "lanner/datasets/coco.h"

namespace lanner::datasets {

// How one class fares at one IoU, all areas, up to 100 detections an image.
struct OperatingCurve {
  std::array<double, 101> precision{};  // at recalls 0, .01 .. 1: the best at that recall or beyond
  std::array<double, 101> score{};      // at which that recall is reached; 0 where it is not
  double f1 = 0, threshold = 0;         // the best F1, and the least score that is kept for it
};

struct ClassMetrics {
  std::string name;
  int64_t objects = 0;  // without crowds
  int64_t detections = 0;
  double AP = -1, AP50 = -1, AP75 = -1, AR100 = -1;
  OperatingCurve curve;
};

// COCO's twelve numbers, 0 to 1, -1 where there is nothing to measure.
struct CocoMetrics {
  double AP = -1, AP50 = -1, AP75 = -1;    // IoU .50:.05:.95, .50, .75; 100 detections an image
  double APs = -1, APm = -1, APl = -1;     // areas up to 32^2, to 96^2, above
  double AR1 = -1, AR10 = -1, AR100 = -1;  // at 1, 10 and 100 detections an image
  double ARs = -1, ARm = -1, ARl = -1;
  std::array<double, 10> AP_at_iou{};  // at .50, .55 .. .95
  double iou = 0.5;                    // of the classes' curves
  std::vector<ClassMetrics> classes;   // in the order of the ground truth's categories
};

// COCO's bounding-box evaluation, the numbers of pycocotools 2.0.11 (cocoeval.py) to the last ulps.
// Detections on images or of categories that the ground truth does not have are ignored. iou, 0..1:
// of the classes' curves. Uses all cores.
CocoMetrics evaluate_coco(const CocoFile& truth, const std::vector<CocoDetection>& detections,
                          double iou = 0.5);

struct VocMetrics {
  struct Class {
    std::string name;
    double AP = -1;
  };
  double mAP = -1;
  std::vector<Class> classes;
};

// Pascal VOC's average precision at `iou`: eleven points (VOC 2007) or the area under the envelope
// (2010 on); difficult objects neither count nor cost. Boxes are taken as inclusive pixels, with
// "+1", as VOC does (py-faster-rcnn's voc_eval.py, with a stable sort).
VocMetrics evaluate_voc(const CocoFile& truth, const std::vector<CocoDetection>& detections,
                        bool eleven_points, double iou = 0.5);

}  // namespace lanner::datasets
