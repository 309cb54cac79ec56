#pragma once

#include "lanner/ops/torch.h"

#include <array>

#include "lanner/detectors/roi_heads/roi_head.h"
#include "lanner/detectors/roi_heads/roi_targets.h"
#include "lanner/detectors/rpn/rpn.h"

namespace lanner::detectors {

// What the two stages make of a training batch: counts over its images, from which training advises
// (detectors/training/advice.h). Sums of gauges are gauges.
struct Gauges {
  static constexpr int kSizes = 4;  // sides in pixels of the batch: up to 16, 32, 96, and above
  int64_t images = 0;
  std::array<int64_t, kSizes> objects{};       // by size
  std::array<int64_t, kSizes> proposed{};      // objects with a proposal of IoU 0.5
  std::array<int64_t, kSizes> proposed_100{};  // .. among the first 100 proposals
  int64_t positives = 0;                       // sampled RoIs that are objects
  int64_t found = 0;        // of them: those that the head takes for an object of any class
  int64_t right_class = 0;  // of them: those whose best class, background aside, is theirs
  Gauges& operator+=(const Gauges& other);
  // For the log: rpn_recall, rpn_recall_100, positives (RoIs per image), and of these the fractions
  // head_found and head_right_class.
  std::vector<std::pair<std::string, double>> metrics() const;
};

Gauges measure(const Proposals& proposals, const std::vector<at::Tensor>& boxes,
               const RoiTargets& targets, const RoiPredictions& predictions);

}  // namespace lanner::detectors
