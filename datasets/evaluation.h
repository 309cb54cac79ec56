#pragma once

#include <map>
#include <string>
#include <vector>

#include "lanner/datasets/coco.h"

namespace lanner::datasets {

// COCO's twelve numbers, 0 to 1, -1 where there is nothing to measure.
struct CocoMetrics {
  double AP = -1, AP50 = -1, AP75 = -1;    // IoU .50:.05:.95, .50, .75; 100 detections an image
  double APs = -1, APm = -1, APl = -1;     // areas up to 32^2, to 96^2, above
  double AR1 = -1, AR10 = -1, AR100 = -1;  // at 1, 10 and 100 detections an image
  double ARs = -1, ARm = -1, ARl = -1;
  std::map<std::string, double> per_class;  // AP by category name
  std::map<std::string, double> per_class50;
};

// COCO's bounding-box evaluation, the numbers of pycocotools 2.0.11 (cocoeval.py) to the last ulps.
// Detections on images or of categories that the ground truth does not have are ignored.
CocoMetrics evaluate_coco(const CocoFile& truth, const std::vector<CocoDetection>& detections);

struct VocMetrics {
  double mAP = -1;
  std::map<std::string, double> per_class;
};

// Pascal VOC's average precision at `iou_threshold`: eleven points (VOC 2007) or the area under the
// envelope (2010 on); difficult objects neither count nor cost. Boxes are taken as inclusive
// pixels, with "+1", as VOC does (py-faster-rcnn's voc_eval.py, with a stable sort).
VocMetrics evaluate_voc(const CocoFile& truth, const std::vector<CocoDetection>& detections,
                        bool eleven_points, double iou_threshold = 0.5);

// {"AP": .., .., "per_class": {name: {"AP": .., "AP50": ..}}}: what --metrics-json writes.
std::string to_json(const CocoMetrics& metrics);
std::string to_json(const VocMetrics& metrics);
// The same for people.
std::string to_text(const CocoMetrics& metrics);
std::string to_text(const VocMetrics& metrics);

}  // namespace lanner::datasets
