#pragma once

#include <unordered_map>

#include "lanner/datasets/coco.h"

namespace lanner::datasets {

// The overlap of continuous boxes, x2 = x + width; a crowd's over the detection alone.
inline double coco_iou(const CocoBox& detection, const CocoBox& truth, bool crowd) {
  const double width = std::min(detection.width + detection.x, truth.width + truth.x) -
                       std::max(detection.x, truth.x);
  if (width <= 0) return 0;
  const double height = std::min(detection.height + detection.y, truth.height + truth.y) -
                        std::max(detection.y, truth.y);
  if (height <= 0) return 0;
  const double overlap = width * height, area = detection.width * detection.height;
  return overlap / (crowd ? area : area + truth.width * truth.height - overlap);
}

// One image, one category: objects in the order of the file, detections by descending score.
struct Cell {
  int64_t image_id = 0;
  std::vector<const CocoAnnotation*> truth;
  std::vector<const CocoDetection*> detections;
};

// Categories in the order of the ground truth's, and of each its images in order of id. What is on
// images or of categories that the ground truth does not have is left out.
std::vector<std::vector<Cell>> group_by_category(const CocoFile& truth,
                                                 const std::vector<CocoDetection>& detections);

}  // namespace lanner::datasets
