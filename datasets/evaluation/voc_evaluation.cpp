#include <algorithm>
#include <unordered_set>

#include "lanner/datasets/evaluation/coco_evaluation.h"
#include "lanner/datasets/evaluation/evaluation_groups.h"
#include "lanner/datasets/evaluation/voc_evaluation.h"

namespace lanner::datasets {
namespace {

double voc_iou(const CocoBox& a, const CocoBox& b) {
  const double width = std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x) + 1;
  const double height = std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y) + 1;
  if (width <= 0 || height <= 0) return 0;
  const double overlap = width * height;
  return overlap / ((a.width + 1) * (a.height + 1) + (b.width + 1) * (b.height + 1) - overlap);
}

double average_precision(const std::vector<double>& recall, const std::vector<double>& precision,
                         bool eleven_points) {
  double ap = 0;
  if (eleven_points) {
    for (int i = 0; i < 11; ++i) {
      const double point = i * 0.1;  // as numpy's arange: 3 * .1 is slightly above .3
      double max_precision = 0;
      for (size_t k = 0; k < recall.size(); ++k)
        if (recall[k] >= point) max_precision = std::max(max_precision, precision[k]);
      ap += max_precision / 11;
    }
    return ap;
  }
  std::vector<double> r{0}, p{0};
  r.insert(r.end(), recall.begin(), recall.end());
  p.insert(p.end(), precision.begin(), precision.end());
  r.push_back(1), p.push_back(0);
  for (size_t i = p.size(); i-- > 1;) p[i - 1] = std::max(p[i - 1], p[i]);
  for (size_t i = 1; i < r.size(); ++i) ap += (r[i] - r[i - 1]) * p[i];
  return ap;
}

}  // namespace

VocMetrics evaluate_voc(const CocoFile& truth, const std::vector<CocoDetection>& detections,
                        bool eleven_points, double iou) {
  VocMetrics metrics;
  double sum = 0;
  int measured = 0;
  const auto groups = group_by_category(truth, detections);
  for (size_t c = 0; c < groups.size(); ++c) {
    int64_t positives = 0;
    std::vector<std::pair<const CocoDetection*, const ImageGroup*>> ranked;
    std::unordered_set<const CocoAnnotation*> matched;
    for (const auto& image : groups[c]) {
      for (const auto* annotation : image.truth) positives += !annotation->difficult;
      for (const auto* detection : image.detections) ranked.push_back({detection, &image});
    }
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const auto& a, const auto& b) { return a.first->score > b.first->score; });
    std::vector<double> recall, precision;
    double true_positives = 0, false_positives = 0;
    for (const auto& [detection, image] : ranked) {
      double best_iou = -1;
      const CocoAnnotation* best = nullptr;
      for (const auto* annotation : image->truth)
        if (const double overlap = voc_iou(detection->bbox, annotation->bbox); overlap > best_iou)
          best_iou = overlap, best = annotation;
      if (best_iou > iou) {
        if (!best->difficult) ++(matched.insert(best).second ? true_positives : false_positives);
      } else {
        ++false_positives;
      }
      recall.push_back(positives ? true_positives / static_cast<double>(positives) : 0);
      precision.push_back(true_positives / std::max(true_positives + false_positives, 0x1p-52));
    }
    auto& class_metrics = metrics.classes.emplace_back();
    class_metrics.name = truth.categories[c].name;
    if (positives == 0) continue;
    class_metrics.AP = average_precision(recall, precision, eleven_points);
    sum += class_metrics.AP, ++measured;
  }
  if (measured) metrics.mAP = sum / measured;
  return metrics;
}

}  // namespace lanner::datasets
