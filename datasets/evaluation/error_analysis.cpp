#include "lanner/datasets/evaluation/error_analysis.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "lanner/datasets/evaluation/evaluation_groups.h"
#include "lanner/datasets/parallel.h"

namespace lanner::datasets {
namespace {

struct LabeledBox {
  CocoBox box;
  size_t label = 0;  // index of the category
};

struct ScoredBox {
  CocoBox box;
  size_t label = 0;
  double score = 0;
};

// One image, all categories; detections by descending score.
struct ImageBoxes {
  std::vector<LabeledBox> objects, crowds;
  std::vector<ScoredBox> detections;
};

struct DetectionError {
  std::optional<ErrorKind> kind;  // nullopt: correct
  bool ignored = false;
  std::optional<size_t> fixed_object;  // the object it would match if the error were fixed
};

struct ImageErrors {
  std::vector<DetectionError> detections;
  std::vector<size_t> missed;  // labels of the missed objects
};

ImageErrors classify_errors(const ImageBoxes& image, double iou, double background) {
  const size_t D = image.detections.size(), G = image.objects.size();
  std::vector<double> ious(D * G);
  for (size_t d = 0; d < D; ++d)
    for (size_t g = 0; g < G; ++g)
      ious[d * G + g] = coco_iou(image.detections[d].box, image.objects[g].box, false);
  const auto same_class = [&](size_t d, size_t g) {
    return image.detections[d].label == image.objects[g].label;
  };

  std::vector<char> matched(G), fixable(G), correct(D);
  ImageErrors errors;
  errors.detections.resize(D);
  for (size_t d = 0; d < D; ++d) {
    size_t best = G;
    for (size_t g = 0; g < G; ++g)
      if (!matched[g] && same_class(d, g) && ious[d * G + g] >= iou &&
          (best == G || ious[d * G + g] > ious[d * G + best]))
        best = g;
    if (best < G) matched[best] = correct[d] = 1;
  }
  for (size_t d = 0; d < D; ++d) {
    auto& error = errors.detections[d];
    if (correct[d]) continue;
    error.ignored =
        std::any_of(image.crowds.begin(), image.crowds.end(), [&](const LabeledBox& crowd) {
          return crowd.label == image.detections[d].label &&
                 coco_iou(image.detections[d].box, crowd.box, true) > iou;
        });
    if (error.ignored) continue;
    // The objects with the highest IoU: of the same class, of other classes, of all classes.
    size_t best_same = G, best_other = G, best_any = G;
    const auto update = [&](size_t& best, size_t g) {
      if (best == G || ious[d * G + g] > ious[d * G + best]) best = g;
    };
    for (size_t g = 0; g < G; ++g) {
      update(same_class(d, g) ? best_same : best_other, g);
      update(best_any, g);
    }
    const auto overlap = [&](size_t g) { return g == G ? 0 : ious[d * G + g]; };
    const auto set_fixable = [&](ErrorKind kind, size_t g) {
      error.kind = kind;
      // Only the first detection fixes an object: it has the highest score.
      if (!matched[g] && !fixable[g]) error.fixed_object = g;
      fixable[g] = 1;
    };
    if (best_same < G && overlap(best_same) >= background && overlap(best_same) <= iou)
      set_fixable(ErrorKind::localization, best_same);
    else if (best_other < G && overlap(best_other) >= iou)
      set_fixable(ErrorKind::classification, best_other);
    else if (overlap(best_same) >= iou)
      error.kind = ErrorKind::duplicate;
    else
      error.kind = overlap(best_any) <= background ? ErrorKind::background : ErrorKind::both;
  }
  for (size_t g = 0; g < G; ++g)
    if (!matched[g] && !fixable[g]) errors.missed.push_back(image.objects[g].label);
  return errors;
}

void count_confusion(const ImageBoxes& image, double iou,
                     std::vector<std::vector<int64_t>>& confusion) {
  struct Pair {
    double iou;
    size_t detection, object;
    bool same_class;
  };
  const auto& [objects, crowds, detections] = image;
  const size_t background = confusion.size() - 1;
  std::vector<Pair> pairs;
  for (size_t d = 0; d < detections.size(); ++d)
    for (size_t g = 0; g < objects.size(); ++g)
      if (const double overlap = coco_iou(detections[d].box, objects[g].box, false); overlap >= iou)
        pairs.push_back({overlap, d, g, detections[d].label == objects[g].label});
  std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
    return a.iou != b.iou ? a.iou > b.iou : a.same_class > b.same_class;
  });
  std::vector<char> detection_matched(detections.size()), object_matched(objects.size());
  for (const auto& pair : pairs) {
    if (detection_matched[pair.detection] || object_matched[pair.object]) continue;
    detection_matched[pair.detection] = object_matched[pair.object] = 1;
    ++confusion[objects[pair.object].label][detections[pair.detection].label];
  }
  for (size_t g = 0; g < objects.size(); ++g)
    if (!object_matched[g]) ++confusion[objects[g].label][background];
  for (size_t d = 0; d < detections.size(); ++d) {
    if (detection_matched[d]) continue;
    const auto& detection = detections[d];
    const bool in_crowd = std::any_of(crowds.begin(), crowds.end(), [&](const LabeledBox& crowd) {
      return crowd.label == detection.label && coco_iou(detection.box, crowd.box, true) >= iou;
    });
    if (!in_crowd) ++confusion[background][detection.label];
  }
}

// A detection in the ranking of a class: the original, or a copy with its error fixed.
struct RankedDetection {
  double score;
  std::optional<ErrorKind> error;
  bool fixed;
};

// AP of a class after fixing the errors of kind `fixed_kind`; those that cannot be fixed are
// removed.
double average_precision(const std::vector<RankedDetection>& ranked, int64_t objects,
                         std::optional<ErrorKind> fixed_kind) {
  std::vector<double> precision;
  double true_positives = 0, false_positives = 0;
  for (const auto& detection : ranked) {
    const bool of_kind = fixed_kind && detection.error == fixed_kind;
    if (detection.fixed ? !of_kind : of_kind) continue;
    if (detection.error && !detection.fixed) {
      ++false_positives;
      continue;
    }
    ++true_positives;
    precision.push_back(true_positives / (true_positives + false_positives));
  }
  for (size_t i = precision.size(); i-- > 1;)
    precision[i - 1] = std::max(precision[i - 1], precision[i]);
  double sum = 0;
  size_t hit = 0;
  for (int r = 0; r <= 100; ++r) {
    while (hit < precision.size() &&
           static_cast<double>(hit + 1) / static_cast<double>(objects) < r / 100.)
      ++hit;
    if (hit < precision.size()) sum += precision[hit];
  }
  return sum / 101;
}

std::vector<ImageBoxes> group_by_image(const CocoFile& truth,
                                       const std::vector<CocoDetection>& detections) {
  std::vector<ImageBoxes> images(truth.images.size());
  std::unordered_map<int64_t, size_t> index;
  for (size_t i = 0; i < truth.images.size(); ++i) index.emplace(truth.images[i].id, i);
  const auto groups = group_by_category(truth, detections);
  for (size_t label = 0; label < groups.size(); ++label)
    for (const auto& group : groups[label]) {
      auto& image = images[index.at(group.image_id)];
      for (const auto* object : group.truth)
        (object->crowd ? image.crowds : image.objects).push_back({object->bbox, label});
      for (const auto* detection : group.detections)
        image.detections.push_back({detection->bbox, label, detection->score});
    }
  for (auto& image : images)
    std::stable_sort(image.detections.begin(), image.detections.end(),
                     [](const ScoredBox& a, const ScoredBox& b) { return a.score > b.score; });
  return images;
}

}  // namespace

ErrorAnalysis analyze_errors(const CocoFile& truth, const std::vector<CocoDetection>& detections,
                             const CocoMetrics& metrics) {
  const size_t classes = truth.categories.size();
  ErrorAnalysis analysis;
  analysis.iou = metrics.iou;
  analysis.background = std::min(analysis.background, analysis.iou);
  analysis.confusion.assign(classes + 1, std::vector<int64_t>(classes + 1));

  std::vector<std::vector<RankedDetection>> ranked(classes);
  std::vector<int64_t> objects(classes), missed(classes);
  for (const auto& image : group_by_image(truth, detections)) {
    for (const auto& object : image.objects) ++objects[object.label];
    const auto errors = classify_errors(image, analysis.iou, analysis.background);
    for (const size_t label : errors.missed) ++missed[label];
    for (size_t d = 0; d < image.detections.size(); ++d) {
      const auto& error = errors.detections[d];
      if (error.ignored) continue;
      const double score = image.detections[d].score;
      ranked[image.detections[d].label].push_back({score, error.kind, false});
      if (error.fixed_object)
        ranked[image.objects[*error.fixed_object].label].push_back({score, error.kind, true});
    }
    ImageBoxes above_threshold = image;
    std::erase_if(above_threshold.detections, [&](const ScoredBox& detection) {
      return detection.score < metrics.classes[detection.label].curve.threshold;
    });
    const auto counted = classify_errors(above_threshold, analysis.iou, analysis.background);
    const auto add = [&](ErrorKind kind, size_t count) {
      analysis.kinds[static_cast<size_t>(kind)].count += static_cast<int64_t>(count);
    };
    for (const auto& error : counted.detections)
      if (error.kind) add(*error.kind, 1);
    add(ErrorKind::missed, counted.missed.size());
    count_confusion(above_threshold, analysis.iou, analysis.confusion);
  }

  // Per class: AP with each kind of error fixed, and last the AP of the original detections.
  std::vector<std::array<double, 7>> ap(classes);
  parallel_for(classes, [&](size_t c) {
    std::stable_sort(
        ranked[c].begin(), ranked[c].end(),
        [](const RankedDetection& a, const RankedDetection& b) { return a.score > b.score; });
    if (objects[c] == 0) return;
    ap[c][6] = average_precision(ranked[c], objects[c], std::nullopt);
    for (size_t kind = 0; kind < kErrorNames.size(); ++kind) {
      const bool is_missed = kind == static_cast<size_t>(ErrorKind::missed);
      const int64_t remaining = objects[c] - (is_missed ? missed[c] : 0);
      if (remaining)
        ap[c][kind] = average_precision(ranked[c], remaining, static_cast<ErrorKind>(kind));
    }
  });
  const auto measured = std::count_if(objects.begin(), objects.end(), [](auto n) { return n > 0; });
  if (measured == 0) return analysis;
  std::array<double, 7> mean{};
  for (const auto& values : ap)
    for (size_t k = 0; k < mean.size(); ++k) mean[k] += values[k] / static_cast<double>(measured);
  analysis.AP = mean[6];
  for (size_t k = 0; k < analysis.kinds.size(); ++k)
    analysis.kinds[k].ap_gain = std::max(0., mean[k] - mean[6]);
  return analysis;
}

}  // namespace lanner::datasets
