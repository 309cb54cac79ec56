#pragma once

#include <unordered_map>

#include "lanner/datasets/reading/coco.h"

namespace lanner::datasets {

// IoU of continuous boxes, x2 = x + width. For a crowd, the intersection is divided by the area of
// the detection.
inline double coco_iou(const CocoBox& detection, const CocoBox& truth, bool crowd) {
  const double width = std::min(detection.width + detection.x, truth.width + truth.x) -
                       std::max(detection.x, truth.x);
  if (width <= 0) return 0;
  const double height = std::min(detection.height + detection.y, truth.height + truth.y) -
                        std::max(detection.y, truth.y);
  if (height <= 0) return 0;
  const double intersection = width * height, area = detection.width * detection.height;
  return intersection / (crowd ? area : area + truth.width * truth.height - intersection);
}

// Objects (in file order) and detections (by descending score) of one category in one image.
struct ImageGroup {
  int64_t image_id = 0;
  std::vector<const CocoAnnotation*> truth;
  std::vector<const CocoDetection*> detections;
};

// [category][image]: categories in the order of the ground truth, images sorted by id. Detections
// in images or categories that the ground truth does not have are left out.
std::vector<std::vector<ImageGroup>> group_by_category(
    const CocoFile& truth, const std::vector<CocoDetection>& detections);

}  // namespace lanner::datasets
