#include "lanner/datasets/evaluation.h"

#include <algorithm>
#include <bitset>
#include <numeric>

#include "lanner/datasets/evaluation_groups.h"
#include "lanner/datasets/parallel.h"

namespace lanner::datasets {
namespace {

// COCO's ten thresholds, and one more for the classes' curves.
constexpr size_t kCoco = 10, kThresholds = kCoco + 1, kRecalls = 101, kAreas = 4;
constexpr size_t kMostDetections = 100;
constexpr std::array<size_t, 3> kLimits{1, 10, 100};
constexpr std::array<std::array<double, 2>, kAreas> kAreaRanges{
    {{0, 1e10}, {0, 32 * 32}, {32 * 32, 96 * 96}, {96 * 96, 1e10}}};

using Thresholds = std::array<double, kThresholds>;

// numpy's linspace(.5, .95, 10) and linspace(0, 1, 101): start + i * step, the end exact.
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

// What became of a detection in one area range, a bit a threshold.
struct Outcome {
  std::bitset<kThresholds> matched, ignored;
};

// A category's detections, in order of image and then of score.
struct Outcomes {
  std::vector<double> scores;
  std::vector<size_t> ranks;  // within the image
  std::array<std::vector<Outcome>, kAreas> areas;
  std::array<int64_t, kAreas> counted{};  // objects that are not ignored
};

void match(const Cell& cell, const Thresholds& at, Outcomes& outcomes) {
  const size_t D = std::min(cell.detections.size(), kMostDetections), G = cell.truth.size();
  std::vector<double> ious(D * G);
  std::vector<char> reaches(D);  // an object at any threshold
  const double least = *std::min_element(at.begin(), at.end());
  for (size_t d = 0; d < D; ++d)
    for (size_t g = 0; g < G; ++g) {
      const auto& truth = *cell.truth[g];
      ious[d * G + g] = coco_iou(cell.detections[d]->bbox, truth.bbox, truth.crowd);
      reaches[d] |= ious[d * G + g] >= least;
    }
  std::vector<size_t> order(G);
  std::vector<char> ignore(G), taken(G);
  for (size_t area = 0; area < kAreas; ++area) {
    const auto [low, high] = kAreaRanges[area];
    for (size_t g = 0; g < G; ++g) {
      const auto& truth = *cell.truth[g];
      ignore[g] = truth.crowd || truth.area < low || truth.area > high;
      outcomes.counted[area] += !ignore[g];
    }
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return ignore[a] < ignore[b]; });
    const size_t first = outcomes.areas[area].size();
    outcomes.areas[area].resize(first + D);
    for (size_t t = 0; t < kThresholds; ++t) {
      std::fill(taken.begin(), taken.end(), 0);
      for (size_t d = 0; d < D; ++d) {
        auto& outcome = outcomes.areas[area][first + d];
        double best = at[t];
        size_t found = G;
        if (reaches[d])
          for (const size_t g : order) {
            if (taken[g] && !cell.truth[g]->crowd) continue;
            // A real match is not given up for one that does not count.
            if (found < G && !ignore[found] && ignore[g]) break;
            if (ious[d * G + g] < best) continue;
            best = ious[d * G + g];
            found = g;
          }
        if (found < G) {
          taken[found] = 1;
          outcome.matched[t] = true;
          outcome.ignored[t] = ignore[found];
        } else {
          const auto& box = cell.detections[d]->bbox;
          const double size = box.width * box.height;
          outcome.ignored[t] = size < low || size > high;
        }
      }
    }
  }
  for (size_t d = 0; d < D; ++d)
    outcomes.scores.push_back(cell.detections[d]->score), outcomes.ranks.push_back(d);
}

// Precision and score at each of the objects found, in order of score.
struct Hits {
  std::vector<double> precision, score;
};

Hits rank(const Outcomes& outcomes, const std::vector<size_t>& order, size_t area, size_t t) {
  Hits hits;
  double found = 0, missed = 0;
  for (const size_t i : order) {
    const auto& outcome = outcomes.areas[area][i];
    if (outcome.ignored[t]) continue;
    if (!outcome.matched[t]) {
      ++missed;
      continue;
    }
    ++found;
    hits.precision.push_back(found / (missed + found + 0x1p-52));
    hits.score.push_back(outcomes.scores[i]);
  }
  // The envelope: a precision that more recall reaches too counts for less recall.
  for (size_t i = hits.precision.size(); i-- > 1;)
    hits.precision[i - 1] = std::max(hits.precision[i - 1], hits.precision[i]);
  return hits;
}

// Recall rises at hits alone, so each recall point is reached at one of them.
OperatingCurve sample(const Hits& hits, int64_t counted) {
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
  double found = 0, missed = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    const auto& outcome = outcomes.areas[0][order[i]];
    if (!outcome.ignored[kCoco]) ++(outcome.matched[kCoco] ? found : missed);
    const double score = outcomes.scores[order[i]];
    const bool tied = i + 1 < order.size() && outcomes.scores[order[i + 1]] == score;
    const double objects = static_cast<double>(outcomes.counted[0]);
    const double f1 = 2 * found / (objects + found + missed);
    if (!tied && f1 > curve.f1) curve.f1 = f1, curve.threshold = score;
  }
}

// The mean of what is defined, -1 where nothing is.
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

CategoryResult measure(const std::vector<Cell>& cells, const Thresholds& at) {
  Outcomes outcomes;
  for (const auto& cell : cells) match(cell, at, outcomes);
  std::vector<size_t> order(outcomes.scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return outcomes.scores[a] > outcomes.scores[b]; });

  CategoryResult result;
  for (auto* table : {&result.ap, &result.ar})
    for (auto& row : *table) row.fill(-1);
  for (auto& row : result.ar_at) row.fill(-1);
  result.metrics.objects = outcomes.counted[0];
  for (const auto& cell : cells)
    result.metrics.detections += static_cast<int64_t>(cell.detections.size());
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
      double found = 0;
      for (size_t i = 0; i < order.size(); ++i) {
        const auto& outcome = outcomes.areas[0][i];
        found += outcomes.ranks[i] < kLimits[limit] && outcome.matched[t] && !outcome.ignored[t];
      }
      result.ar_at[limit][t] = found / static_cast<double>(outcomes.counted[0]);
    }
  result.metrics.curve = sample(rank(outcomes, order, 0, kCoco), outcomes.counted[0]);
  find_best_f1(outcomes, order, result.metrics.curve);
  return result;
}

}  // namespace

CocoMetrics evaluate_coco(const CocoFile& truth, const std::vector<CocoDetection>& detections,
                          double iou) {
  const auto at = thresholds(iou);
  auto cells = group_by_category(truth, detections);
  std::vector<CategoryResult> results(cells.size());
  parallel_for(cells.size(), [&](size_t i) {
    results[i] = measure(cells[i], at);
    cells[i] = {};
  });

  CocoMetrics metrics;
  metrics.iou = iou;
  const auto mean = [&](const auto& of) {
    Mean all;
    for (const auto& result : results)
      for (const double value : of(result)) all.add(value);
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
    auto& own = metrics.classes.emplace_back(result.metrics);
    own.name = truth.categories[i].name;
    const auto average = [](Row values) {
      Mean all;
      for (const double value : values) all.add(value);
      return all.value();
    };
    own.AP = average(result.ap[0]), own.AR100 = average(result.ar_at[2]);
    own.AP50 = result.ap[0][0], own.AP75 = result.ap[0][5];
  }
  return metrics;
}

}  // namespace lanner::datasets
