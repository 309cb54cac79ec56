#include "lanner/datasets/evaluation/coco_evaluation.h"

#include <algorithm>
#include <bitset>
#include <numeric>

#include "lanner/datasets/evaluation/evaluation_groups.h"
#include "lanner/datasets/parallel.h"

namespace lanner::datasets {
namespace {

// COCO's ten IoU thresholds, and one more for the curves of the classes.
constexpr size_t kCoco = 10, kThresholds = kCoco + 1, kRecalls = 101, kAreas = 4;
constexpr size_t kMaxDetections = 100;
constexpr std::array<size_t, 3> kLimits{1, 10, 100};
constexpr std::array<std::array<double, 2>, kAreas> kAreaRanges{
    {{0, 1e10}, {0, 32 * 32}, {32 * 32, 96 * 96}, {96 * 96, 1e10}}};

using Thresholds = std::array<double, kThresholds>;

// The values of numpy's linspace(.5, .95, 10) and linspace(0, 1, 101): start + i * step, exact end.
Thresholds thresholds(double iou) {
  Thresholds values{};
  for (size_t i = 0; i < kCoco; ++i) values[i] = 0.5 + static_cast<double>(i) * ((0.95 - 0.5) / 9);
  values[kCoco - 1] = 0.95;
  values[kCoco] = iou;
  for (auto& value : values) value = std::min(value, 1 - 1e-10);
  return values;
}
double recall_point(size_t i) {
  return i == kRecalls - 1 ? 1.0 : static_cast<double>(i) * (1.0 / 100);
}

// Result of matching a detection in one area range, one bit per IoU threshold.
struct Outcome {
  std::bitset<kThresholds> matched, ignored;
};

// The detections of a category, ordered by image and then by score.
struct Outcomes {
  std::vector<double> scores;
  std::vector<size_t> ranks;  // by score within the image
  std::array<std::vector<Outcome>, kAreas> areas;
  std::array<int64_t, kAreas> counted{};  // number of objects that are not ignored
};

void match(const ImageGroup& group, const Thresholds& min_ious, Outcomes& outcomes) {
  const size_t D = std::min(group.detections.size(), kMaxDetections), G = group.truth.size();
  std::vector<double> ious(D * G);
  std::vector<char> overlaps(D);  // reaches the lowest IoU threshold with some object
  const double min_iou = *std::min_element(min_ious.begin(), min_ious.end());
  for (size_t d = 0; d < D; ++d)
    for (size_t g = 0; g < G; ++g) {
      const auto& truth = *group.truth[g];
      ious[d * G + g] = coco_iou(group.detections[d]->bbox, truth.bbox, truth.crowd);
      overlaps[d] |= ious[d * G + g] >= min_iou;
    }
  std::vector<size_t> order(G);
  std::vector<char> ignore(G), matched(G);
  for (size_t area = 0; area < kAreas; ++area) {
    const auto [low, high] = kAreaRanges[area];
    for (size_t g = 0; g < G; ++g) {
      const auto& truth = *group.truth[g];
      ignore[g] = truth.crowd || truth.area < low || truth.area > high;
      outcomes.counted[area] += !ignore[g];
    }
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return ignore[a] < ignore[b]; });
    const size_t first = outcomes.areas[area].size();
    outcomes.areas[area].resize(first + D);
    for (size_t t = 0; t < kThresholds; ++t) {
      std::fill(matched.begin(), matched.end(), 0);
      for (size_t d = 0; d < D; ++d) {
        auto& outcome = outcomes.areas[area][first + d];
        double best_iou = min_ious[t];
        size_t best = G;
        if (overlaps[d])
          for (const size_t g : order) {
            if (matched[g] && !group.truth[g]->crowd) continue;
            // Ignored objects come last and never replace a match with one that counts.
            if (best < G && !ignore[best] && ignore[g]) break;
            if (ious[d * G + g] < best_iou) continue;
            best_iou = ious[d * G + g];
            best = g;
          }
        if (best < G) {
          matched[best] = 1;
          outcome.matched[t] = true;
          outcome.ignored[t] = ignore[best];
        } else {
          const auto& box = group.detections[d]->bbox;
          const double box_area = box.width * box.height;
          outcome.ignored[t] = box_area < low || box_area > high;
        }
      }
    }
  }
  for (size_t d = 0; d < D; ++d)
    outcomes.scores.push_back(group.detections[d]->score), outcomes.ranks.push_back(d);
}

// Precision and score at each true positive, by descending score.
struct TruePositives {
  std::vector<double> precision, score;
};

TruePositives rank(const Outcomes& outcomes, const std::vector<size_t>& order, size_t area,
                   size_t t) {
  TruePositives hits;
  double true_positives = 0, false_positives = 0;
  for (const size_t i : order) {
    const auto& outcome = outcomes.areas[area][i];
    if (outcome.ignored[t]) continue;
    if (!outcome.matched[t]) {
      ++false_positives;
      continue;
    }
    ++true_positives;
    hits.precision.push_back(true_positives / (false_positives + true_positives + 0x1p-52));
    hits.score.push_back(outcomes.scores[i]);
  }
  // The envelope: the maximum precision at this or a higher recall.
  for (size_t i = hits.precision.size(); i-- > 1;)
    hits.precision[i - 1] = std::max(hits.precision[i - 1], hits.precision[i]);
  return hits;
}

// Recall only increases at true positives, so each recall point is reached at one of them.
OperatingCurve sample(const TruePositives& hits, int64_t counted) {
  OperatingCurve curve;
  size_t hit = 0;
  for (size_t r = 0; r < kRecalls; ++r) {
    const auto recall = [&] { return static_cast<double>(hit + 1) / static_cast<double>(counted); };
    while (hit < hits.score.size() && recall() < recall_point(r)) ++hit;
    if (hit == hits.score.size()) break;
    curve.precision[r] = hits.precision[hit];
    curve.score[r] = hits.score[hit];
  }
  return curve;
}

void find_best_f1(const Outcomes& outcomes, const std::vector<size_t>& order,
                  OperatingCurve& curve) {
  double true_positives = 0, false_positives = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    const auto& outcome = outcomes.areas[0][order[i]];
    if (!outcome.ignored[kCoco]) ++(outcome.matched[kCoco] ? true_positives : false_positives);
    const double score = outcomes.scores[order[i]];
    const bool tied = i + 1 < order.size() && outcomes.scores[order[i + 1]] == score;
    const double objects = static_cast<double>(outcomes.counted[0]);
    const double f1 = 2 * true_positives / (objects + true_positives + false_positives);
    if (!tied && f1 > curve.f1) curve.f1 = f1, curve.threshold = score;
  }
}

// Mean of the defined values; -1 if there are none.
struct Mean {
  double sum = 0;
  int count = 0;
  void add(double value) {
    if (value > -1) sum += value, ++count;
  }
  double value() const { return count ? sum / count : -1; }
};

struct CategoryResult {
  std::array<std::array<double, kCoco>, kAreas> ap, ar;
  std::array<std::array<double, kCoco>, kLimits.size()> ar_at;
  ClassMetrics metrics;
};

CategoryResult measure(const std::vector<ImageGroup>& groups, const Thresholds& min_ious) {
  Outcomes outcomes;
  for (const auto& group : groups) match(group, min_ious, outcomes);
  std::vector<size_t> order(outcomes.scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return outcomes.scores[a] > outcomes.scores[b]; });

  CategoryResult result;
  for (auto* table : {&result.ap, &result.ar})
    for (auto& row : *table) row.fill(-1);
  for (auto& row : result.ar_at) row.fill(-1);
  result.metrics.objects = outcomes.counted[0];
  for (const auto& group : groups)
    result.metrics.detections += static_cast<int64_t>(group.detections.size());
  for (size_t area = 0; area < kAreas; ++area)
    for (size_t t = 0; t < kCoco && outcomes.counted[area]; ++t) {
      const auto hits = rank(outcomes, order, area, t);
      const auto curve = sample(hits, outcomes.counted[area]);
      double sum = 0;
      for (const double precision : curve.precision) sum += precision;
      result.ap[area][t] = sum / kRecalls;
      result.ar[area][t] =
          static_cast<double>(hits.score.size()) / static_cast<double>(outcomes.counted[area]);
    }
  if (outcomes.counted[0] == 0) return result;
  for (size_t limit = 0; limit < kLimits.size(); ++limit)
    for (size_t t = 0; t < kCoco; ++t) {
      double true_positives = 0;
      for (size_t i = 0; i < order.size(); ++i) {
        const auto& outcome = outcomes.areas[0][i];
        true_positives +=
            outcomes.ranks[i] < kLimits[limit] && outcome.matched[t] && !outcome.ignored[t];
      }
      result.ar_at[limit][t] = true_positives / static_cast<double>(outcomes.counted[0]);
    }
  result.metrics.curve = sample(rank(outcomes, order, 0, kCoco), outcomes.counted[0]);
  find_best_f1(outcomes, order, result.metrics.curve);
  return result;
}

}  // namespace

CocoMetrics evaluate_coco(const CocoFile& truth, const std::vector<CocoDetection>& detections,
                          double iou) {
  const auto min_ious = thresholds(iou);
  auto groups = group_by_category(truth, detections);
  std::vector<CategoryResult> results(groups.size());
  parallel_for(groups.size(), [&](size_t i) {
    results[i] = measure(groups[i], min_ious);
    groups[i] = {};
  });

  CocoMetrics metrics;
  metrics.iou = iou;
  const auto mean = [&](const auto& values_of) {
    Mean all;
    for (const auto& result : results)
      for (const double value : values_of(result)) all.add(value);
    return all.value();
  };
  using Row = const std::array<double, kCoco>&;
  const auto ap = [&](size_t i) { return mean([i](auto& r) -> Row { return r.ap[i]; }); };
  const auto ar = [&](size_t i) { return mean([i](auto& r) -> Row { return r.ar[i]; }); };
  const auto ar_at = [&](size_t i) { return mean([i](auto& r) -> Row { return r.ar_at[i]; }); };
  metrics.AP = ap(0), metrics.APs = ap(1), metrics.APm = ap(2), metrics.APl = ap(3);
  metrics.ARs = ar(1), metrics.ARm = ar(2), metrics.ARl = ar(3);
  metrics.AR1 = ar_at(0), metrics.AR10 = ar_at(1), metrics.AR100 = ar_at(2);
  for (size_t t = 0; t < kCoco; ++t)
    metrics.AP_at_iou[t] = mean([t](auto& r) { return std::array{r.ap[0][t]}; });
  metrics.AP50 = metrics.AP_at_iou[0], metrics.AP75 = metrics.AP_at_iou[5];
  for (size_t i = 0; i < results.size(); ++i) {
    const auto& result = results[i];
    auto& class_metrics = metrics.classes.emplace_back(result.metrics);
    class_metrics.name = truth.categories[i].name;
    const auto average = [](Row values) {
      Mean all;
      for (const double value : values) all.add(value);
      return all.value();
    };
    class_metrics.AP = average(result.ap[0]), class_metrics.AR100 = average(result.ar_at[2]);
    class_metrics.AP50 = result.ap[0][0], class_metrics.AP75 = result.ap[0][5];
  }
  return metrics;
}

}  // namespace lanner::datasets
