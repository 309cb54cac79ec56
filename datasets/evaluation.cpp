#include "lanner/datasets/evaluation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <tuple>
#include <unordered_map>

namespace lanner::datasets {
namespace {

constexpr int kThresholds = 10, kRecalls = 101, kAreas = 4, kMostDetections = 100;
constexpr std::array kLimits{1, 10, 100};
constexpr std::array<std::array<double, 2>, kAreas> kAreaRanges{
    {{0, 1e10}, {0, 32 * 32}, {32 * 32, 96 * 96}, {96 * 96, 1e10}}};

// numpy's linspace(.5, .95, 10) and linspace(0, 1, 101): start + i * step, the end exact.
double threshold(int i) { return i == kThresholds - 1 ? 0.95 : 0.5 + i * ((0.95 - 0.5) / 9); }
double recall_point(int i) { return i == kRecalls - 1 ? 1.0 : i * (1.0 / 100); }

double iou(const CocoBox& detection, const CocoAnnotation& truth) {
  const CocoBox& g = truth.bbox;
  const double width =
      std::min(detection.width + detection.x, g.width + g.x) - std::max(detection.x, g.x);
  if (width <= 0) return 0;
  const double height =
      std::min(detection.height + detection.y, g.height + g.y) - std::max(detection.y, g.y);
  if (height <= 0) return 0;
  const double overlap = width * height;
  const double area = detection.width * detection.height;
  return overlap / (truth.crowd ? area : area + g.width * g.height - overlap);
}

// One image, one category: everything that matching needs, whatever the area range.
struct Cell {
  std::vector<const CocoAnnotation*> truth;
  std::vector<const CocoDetection*> detections;  // by descending score, at most 100
};

// What became of one cell's detections in one area range, at every threshold.
struct Matches {
  std::vector<double> scores;
  std::array<std::vector<char>, kThresholds> matched, ignored;
  int counted = 0;  // ground truths that are not ignored
};

Matches match(const Cell& cell, const std::vector<double>& ious,
              const std::array<double, 2>& range) {
  const size_t D = cell.detections.size(), G = cell.truth.size();
  Matches result;
  std::vector<char> ignore(G);
  std::vector<size_t> order(G);
  std::iota(order.begin(), order.end(), 0);
  for (size_t g = 0; g < G; ++g) {
    const auto& truth = *cell.truth[g];
    ignore[g] = truth.crowd || truth.area < range[0] || truth.area > range[1];
    result.counted += !ignore[g];
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return ignore[a] < ignore[b]; });
  for (const auto* detection : cell.detections) result.scores.push_back(detection->score);

  for (int t = 0; t < kThresholds; ++t) {
    result.matched[t].assign(D, 0);
    result.ignored[t].assign(D, 0);
    std::vector<char> taken(G);
    for (size_t d = 0; d < D; ++d) {
      double best = std::min(threshold(t), 1 - 1e-10);
      std::ptrdiff_t found = -1;
      for (const size_t g : order) {
        if (taken[g] && !cell.truth[g]->crowd) continue;
        // A real match is not given up for one that does not count.
        if (found >= 0 && !ignore[found] && ignore[g]) break;
        if (ious[d * G + g] < best) continue;
        best = ious[d * G + g];
        found = static_cast<std::ptrdiff_t>(g);
      }
      if (found >= 0) {
        taken[found] = 1;
        result.matched[t][d] = 1;
        result.ignored[t][d] = ignore[found];
      } else {
        const auto& box = cell.detections[d]->bbox;
        const double area = box.width * box.height;
        result.ignored[t][d] = area < range[0] || area > range[1];
      }
    }
  }
  return result;
}

struct Curve {
  double precision = -1, recall = -1;  // mean over the recall points; highest recall
};

// Accumulates the cells of one category and area range, each cut at `limit` detections.
std::array<Curve, kThresholds> accumulate(const std::vector<Matches>& cells, size_t limit) {
  std::array<Curve, kThresholds> curves;
  int counted = 0;
  struct Place {
    double score;
    const Matches* cell;
    size_t detection;
  };
  std::vector<Place> places;
  for (const auto& cell : cells) {
    counted += cell.counted;
    for (size_t d = 0; d < std::min(limit, cell.scores.size()); ++d)
      places.push_back({cell.scores[d], &cell, d});
  }
  if (counted == 0) return curves;
  std::stable_sort(places.begin(), places.end(),
                   [](const Place& a, const Place& b) { return a.score > b.score; });
  for (int t = 0; t < kThresholds; ++t) {
    std::vector<double> precision, recall;
    double hits = 0, misses = 0;
    for (const auto& place : places) {
      const bool counts = !place.cell->ignored[t][place.detection];
      hits += counts && place.cell->matched[t][place.detection];
      misses += counts && !place.cell->matched[t][place.detection];
      recall.push_back(hits / counted);
      precision.push_back(hits / (misses + hits + 0x1p-52));
    }
    for (size_t i = precision.size(); i-- > 1;)
      precision[i - 1] = std::max(precision[i - 1], precision[i]);
    double sum = 0;
    for (int r = 0; r < kRecalls; ++r) {
      const auto at = std::lower_bound(recall.begin(), recall.end(), recall_point(r));
      if (at != recall.end()) sum += precision[at - recall.begin()];
    }
    curves[t] = {sum / kRecalls, recall.empty() ? 0 : recall.back()};
  }
  return curves;
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

using CategoryCells = std::map<int64_t, Cell>;  // by image id

std::map<int64_t, CategoryCells> cells_by_category(const CocoFile& truth,
                                                   const std::vector<CocoDetection>& detections) {
  std::map<int64_t, CategoryCells> cells;
  std::unordered_map<int64_t, char> images;
  for (const auto& image : truth.images) images[image.id] = 1;
  for (const auto& category : truth.categories) cells[category.id];
  for (const auto& annotation : truth.annotations)
    if (images.count(annotation.image_id) && cells.count(annotation.category_id))
      cells[annotation.category_id][annotation.image_id].truth.push_back(&annotation);
  for (const auto& detection : detections)
    if (images.count(detection.image_id) && cells.count(detection.category_id))
      cells[detection.category_id][detection.image_id].detections.push_back(&detection);
  for (auto& [category, by_image] : cells)
    for (auto& [image, cell] : by_image)
      std::stable_sort(
          cell.detections.begin(), cell.detections.end(),
          [](const CocoDetection* a, const CocoDetection* b) { return a->score > b->score; });
  return cells;
}

}  // namespace

CocoMetrics evaluate_coco(const CocoFile& truth, const std::vector<CocoDetection>& detections) {
  CocoMetrics metrics;
  std::array<Mean, kAreas> ap, ar;
  std::array<Mean, kLimits.size()> ar_at;
  Mean ap50, ap75;
  auto cells = cells_by_category(truth, detections);
  for (const auto& category : truth.categories) {
    auto& by_image = cells[category.id];
    std::array<std::vector<Matches>, kAreas> matches;
    for (auto& [image, cell] : by_image) {
      if (cell.detections.size() > kMostDetections) cell.detections.resize(kMostDetections);
      std::vector<double> ious;
      for (const auto* detection : cell.detections)
        for (const auto* annotation : cell.truth) ious.push_back(iou(detection->bbox, *annotation));
      for (int area = 0; area < kAreas; ++area)
        matches[area].push_back(match(cell, ious, kAreaRanges[area]));
    }
    Mean own, own50;
    for (int area = 0; area < kAreas; ++area) {
      const auto curves = accumulate(matches[area], kMostDetections);
      for (int t = 0; t < kThresholds; ++t) {
        ap[area].add(curves[t].precision);
        ar[area].add(curves[t].recall);
        if (area == 0) own.add(curves[t].precision);
      }
      if (area != 0) continue;
      own50.add(curves[0].precision);
      ap50.add(curves[0].precision);
      ap75.add(curves[5].precision);
    }
    for (size_t limit = 0; limit < kLimits.size(); ++limit)
      for (const auto& curve : accumulate(matches[0], kLimits[limit]))
        ar_at[limit].add(curve.recall);
    metrics.per_class[category.name] = own.value();
    metrics.per_class50[category.name] = own50.value();
  }
  std::tie(metrics.AP, metrics.APs, metrics.APm, metrics.APl) =
      std::tuple(ap[0].value(), ap[1].value(), ap[2].value(), ap[3].value());
  std::tie(metrics.AP50, metrics.AP75) = std::tuple(ap50.value(), ap75.value());
  std::tie(metrics.AR1, metrics.AR10, metrics.AR100) =
      std::tuple(ar_at[0].value(), ar_at[1].value(), ar_at[2].value());
  std::tie(metrics.ARs, metrics.ARm, metrics.ARl) =
      std::tuple(ar[1].value(), ar[2].value(), ar[3].value());
  return metrics;
}

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
      const double point = i * 0.1;  // numpy's arange: 3 * .1 is a little above .3, and stays so
      double best = 0;
      for (size_t k = 0; k < recall.size(); ++k)
        if (recall[k] >= point) best = std::max(best, precision[k]);
      ap += best / 11;
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
                        bool eleven_points, double iou_threshold) {
  VocMetrics metrics;
  Mean mean;
  auto cells = cells_by_category(truth, detections);
  for (const auto& category : truth.categories) {
    auto& by_image = cells[category.id];
    int positives = 0;
    std::vector<std::pair<const CocoDetection*, const Cell*>> ranked;
    std::unordered_map<const CocoAnnotation*, char> claimed;
    for (const auto& [image, cell] : by_image) {
      for (const auto* annotation : cell.truth) positives += !annotation->difficult;
      for (const auto* detection : cell.detections) ranked.push_back({detection, &cell});
    }
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const auto& a, const auto& b) { return a.first->score > b.first->score; });
    std::vector<double> recall, precision;
    double hits = 0, misses = 0;
    for (const auto& [detection, cell] : ranked) {
      double best = -1;
      const CocoAnnotation* found = nullptr;
      for (const auto* annotation : cell->truth)
        if (const double overlap = voc_iou(detection->bbox, annotation->bbox); overlap > best)
          best = overlap, found = annotation;
      if (best > iou_threshold) {
        if (!found->difficult) ++(claimed[found]++ ? misses : hits);
      } else {
        ++misses;
      }
      recall.push_back(positives ? hits / positives : 0);
      precision.push_back(hits / std::max(hits + misses, 0x1p-52));
    }
    const double ap = positives ? average_precision(recall, precision, eleven_points) : -1;
    metrics.per_class[category.name] = ap;
    mean.add(ap);
  }
  metrics.mAP = mean.value();
  return metrics;
}

}  // namespace lanner::datasets
