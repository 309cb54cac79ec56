#include "lanner/datasets/error_analysis.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "lanner/datasets/evaluation_groups.h"
#include "lanner/datasets/parallel.h"

namespace lanner::datasets {
namespace {

struct Truth {
  CocoBox box;
  size_t label = 0;  // the place of its category
};

struct Found {
  CocoBox box;
  size_t label = 0;
  double score = 0;
};

// One image, all categories; detections by descending score.
struct Scene {
  std::vector<Truth> truth, crowds;
  std::vector<Found> found;
};

// One that is right has no error; `mends`: the object that it would find if it had none.
struct Verdict {
  std::optional<ErrorKind> error;
  bool ignored = false;
  std::optional<size_t> mends;
};

struct Verdicts {
  std::vector<Verdict> of;     // scene.found
  std::vector<size_t> missed;  // labels of the objects
};

Verdicts judge(const Scene& scene, double iou, double background) {
  const size_t D = scene.found.size(), G = scene.truth.size();
  std::vector<double> ious(D * G);
  for (size_t d = 0; d < D; ++d)
    for (size_t g = 0; g < G; ++g)
      ious[d * G + g] = coco_iou(scene.found[d].box, scene.truth[g].box, false);
  const auto same = [&](size_t d, size_t g) {
    return scene.found[d].label == scene.truth[g].label;
  };

  std::vector<char> used(G), mendable(G);
  Verdicts verdicts;
  verdicts.of.resize(D);
  std::vector<char> right(D);
  for (size_t d = 0; d < D; ++d) {
    size_t best = G;
    for (size_t g = 0; g < G; ++g)
      if (!used[g] && same(d, g) && ious[d * G + g] >= iou &&
          (best == G || ious[d * G + g] > ious[d * G + best]))
        best = g;
    if (best < G) used[best] = right[d] = 1;
  }
  for (size_t d = 0; d < D; ++d) {
    auto& verdict = verdicts.of[d];
    if (right[d]) continue;
    verdict.ignored =
        std::any_of(scene.crowds.begin(), scene.crowds.end(), [&](const Truth& crowd) {
          return crowd.label == scene.found[d].label &&
                 coco_iou(scene.found[d].box, crowd.box, true) > iou;
        });
    if (verdict.ignored) continue;
    size_t own = G, other = G, any = G;  // the nearest object of its class, of another, of all
    const auto nearer = [&](size_t g, size_t best) {
      return best == G || ious[d * G + g] > ious[d * G + best];
    };
    for (size_t g = 0; g < G; ++g) {
      auto& nearest = same(d, g) ? own : other;
      if (nearer(g, nearest)) nearest = g;
      if (nearer(g, any)) any = g;
    }
    const auto overlap = [&](size_t g) { return g == G ? 0 : ious[d * G + g]; };
    const auto mend = [&](ErrorKind error, size_t g) {
      verdict.error = error;
      if (!used[g] && !mendable[g]) verdict.mends = g;  // scores fall: the first is the best
      mendable[g] = 1;
    };
    if (own < G && overlap(own) >= background && overlap(own) <= iou)
      mend(ErrorKind::localisation, own);
    else if (other < G && overlap(other) >= iou)
      mend(ErrorKind::classification, other);
    else if (overlap(own) >= iou)
      verdict.error = ErrorKind::duplicate;
    else
      verdict.error = overlap(any) <= background ? ErrorKind::background : ErrorKind::both;
  }
  for (size_t g = 0; g < G; ++g)
    if (!used[g] && !mendable[g]) verdicts.missed.push_back(scene.truth[g].label);
  return verdicts;
}

void count_confusion(const Scene& scene, double iou, std::vector<std::vector<int64_t>>& confusion) {
  struct Pair {
    double iou;
    size_t found, truth;
    bool same;
  };
  const size_t nothing = confusion.size() - 1;
  std::vector<Pair> pairs;
  for (size_t d = 0; d < scene.found.size(); ++d)
    for (size_t g = 0; g < scene.truth.size(); ++g)
      if (const double overlap = coco_iou(scene.found[d].box, scene.truth[g].box, false);
          overlap >= iou)
        pairs.push_back({overlap, d, g, scene.found[d].label == scene.truth[g].label});
  std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
    return a.iou != b.iou ? a.iou > b.iou : a.same > b.same;
  });
  std::vector<char> found(scene.found.size()), truth(scene.truth.size());
  for (const auto& pair : pairs) {
    if (found[pair.found] || truth[pair.truth]) continue;
    found[pair.found] = truth[pair.truth] = 1;
    ++confusion[scene.truth[pair.truth].label][scene.found[pair.found].label];
  }
  for (size_t g = 0; g < truth.size(); ++g)
    if (!truth[g]) ++confusion[scene.truth[g].label][nothing];
  for (size_t d = 0; d < found.size(); ++d) {
    const bool in_crowd =
        std::any_of(scene.crowds.begin(), scene.crowds.end(), [&](const Truth& crowd) {
          return crowd.label == scene.found[d].label &&
                 coco_iou(scene.found[d].box, crowd.box, true) >= iou;
        });
    if (!found[d] && !in_crowd) ++confusion[nothing][scene.found[d].label];
  }
}

// A detection in the ranking of a class: as it is, or as it would be if mended.
struct Ranked {
  double score;
  std::optional<ErrorKind> error;
  bool mended;
};

// AP of a class whose detections of `mending` are mended or, if they cannot be, gone.
double average_precision(const std::vector<Ranked>& ranked, int64_t objects,
                         std::optional<ErrorKind> mending) {
  std::vector<double> precision;
  double hits = 0, misses = 0;
  for (const auto& one : ranked) {
    const bool of_kind = mending && one.error == mending;
    if (one.mended ? !of_kind : of_kind) continue;
    if (one.error && !one.mended) {
      ++misses;
      continue;
    }
    ++hits;
    precision.push_back(hits / (hits + misses));
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

std::vector<Scene> scenes_of(const CocoFile& truth, const std::vector<CocoDetection>& detections) {
  std::vector<Scene> scenes(truth.images.size());
  std::unordered_map<int64_t, size_t> place;
  for (size_t i = 0; i < truth.images.size(); ++i) place.emplace(truth.images[i].id, i);
  const auto groups = group_by_category(truth, detections);
  for (size_t label = 0; label < groups.size(); ++label)
    for (const auto& cell : groups[label]) {
      auto& scene = scenes[place.at(cell.image_id)];
      for (const auto* one : cell.truth)
        (one->crowd ? scene.crowds : scene.truth).push_back({one->bbox, label});
      for (const auto* one : cell.detections) scene.found.push_back({one->bbox, label, one->score});
    }
  for (auto& scene : scenes)
    std::stable_sort(scene.found.begin(), scene.found.end(),
                     [](const Found& a, const Found& b) { return a.score > b.score; });
  return scenes;
}

}  // namespace

ErrorAnalysis analyse_errors(const CocoFile& truth, const std::vector<CocoDetection>& detections,
                             const CocoMetrics& metrics) {
  const size_t classes = truth.categories.size();
  ErrorAnalysis analysis;
  analysis.iou = metrics.iou;
  analysis.background = std::min(analysis.background, analysis.iou);
  analysis.confusion.assign(classes + 1, std::vector<int64_t>(classes + 1));

  const auto scenes = scenes_of(truth, detections);
  std::vector<std::vector<Ranked>> ranked(classes);
  std::vector<int64_t> objects(classes), missed(classes);
  for (const auto& scene : scenes) {
    for (const auto& one : scene.truth) ++objects[one.label];
    const auto verdicts = judge(scene, analysis.iou, analysis.background);
    for (const size_t label : verdicts.missed) ++missed[label];
    for (size_t d = 0; d < scene.found.size(); ++d) {
      const auto& verdict = verdicts.of[d];
      if (verdict.ignored) continue;
      const double score = scene.found[d].score;
      ranked[scene.found[d].label].push_back({score, verdict.error, false});
      if (verdict.mends)
        ranked[scene.truth[*verdict.mends].label].push_back({score, verdict.error, true});
    }
    Scene kept = scene;
    std::erase_if(kept.found, [&](const Found& found) {
      return found.score < metrics.classes[found.label].curve.threshold;
    });
    const auto of_kept = judge(kept, analysis.iou, analysis.background);
    const auto count = [&](ErrorKind kind, size_t of = 1) {
      analysis.kinds[static_cast<size_t>(kind)].count += static_cast<int64_t>(of);
    };
    for (const auto& verdict : of_kept.of)
      if (verdict.error) count(*verdict.error);
    count(ErrorKind::missed, of_kept.missed.size());
    count_confusion(kept, analysis.iou, analysis.confusion);
  }

  std::vector<std::array<double, 7>> ap(classes);  // as it is, and with each kind mended
  parallel_for(classes, [&](size_t c) {
    std::stable_sort(ranked[c].begin(), ranked[c].end(),
                     [](const Ranked& a, const Ranked& b) { return a.score > b.score; });
    if (objects[c] == 0) return;
    ap[c][6] = average_precision(ranked[c], objects[c], std::nullopt);
    for (size_t kind = 0; kind < kErrorNames.size(); ++kind) {
      const bool misses = kind == static_cast<size_t>(ErrorKind::missed);
      const int64_t left = objects[c] - (misses ? missed[c] : 0);
      if (left) ap[c][kind] = average_precision(ranked[c], left, static_cast<ErrorKind>(kind));
    }
  });
  const auto measured = std::count_if(objects.begin(), objects.end(), [](auto n) { return n > 0; });
  if (measured == 0) return analysis;
  std::array<double, 7> mean{};
  for (const auto& own : ap)
    for (size_t k = 0; k < mean.size(); ++k) mean[k] += own[k] / static_cast<double>(measured);
  analysis.AP = mean[6];
  for (size_t k = 0; k < analysis.kinds.size(); ++k)
    analysis.kinds[k].ap_gain = std::max(0., mean[k] - mean[6]);
  return analysis;
}

}  // namespace lanner::datasets
