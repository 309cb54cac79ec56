#include "lanner/detectors/gauges.h"

#include <algorithm>
#include <numeric>

#include "lanner/ops/boxes.h"

namespace lanner::detectors {
namespace {

constexpr std::array kSides{16., 32., 96.};

int size_of(double side) {
  return static_cast<int>(std::upper_bound(kSides.begin(), kSides.end(), side) - kSides.begin());
}

// Whether each box has an IoU of at least 0.5 with some proposal.
at::Tensor covered(const at::Tensor& boxes, const at::Tensor& proposals) {
  if (proposals.size(0) == 0) return torch::zeros({boxes.size(0)}, torch::kBool);
  return (std::get<0>(ops::box_iou(boxes, proposals).max(1)) >= 0.5).cpu();
}

}  // namespace

Gauges& Gauges::operator+=(const Gauges& other) {
  images += other.images;
  for (int i = 0; i < kSizes; ++i) {
    objects[i] += other.objects[i];
    proposed[i] += other.proposed[i];
    proposed_100[i] += other.proposed_100[i];
  }
  positives += other.positives, found += other.found, right_class += other.right_class;
  return *this;
}

std::vector<std::pair<std::string, double>> Gauges::metrics() const {
  const auto sum = [](const auto& counts) {
    return static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
  };
  std::vector<std::pair<std::string, double>> metrics;
  if (const double all = sum(objects); all > 0)
    metrics = {{"rpn_recall", sum(proposed) / all}, {"rpn_recall_100", sum(proposed_100) / all}};
  const auto positive = static_cast<double>(std::max<int64_t>(1, positives));
  metrics.emplace_back("positives", static_cast<double>(positives) / std::max<int64_t>(1, images));
  metrics.emplace_back("head_found", static_cast<double>(found) / positive);
  metrics.emplace_back("head_right_class", static_cast<double>(right_class) / positive);
  return metrics;
}

Gauges measure(const Proposals& proposals, const std::vector<at::Tensor>& boxes,
               const RoiTargets& targets, const RoiPredictions& predictions) {
  const torch::NoGradGuard no_grad;
  Gauges gauges{.images = std::ssize(boxes)};
  for (size_t n = 0; n < boxes.size(); ++n) {
    if (boxes[n].size(0) == 0) continue;
    const auto all = covered(boxes[n], proposals[n]);
    const auto first = covered(boxes[n], proposals[n].slice(0, 0, 100));
    const auto sides = (boxes[n].slice(1, 2, 4) - boxes[n].slice(1, 0, 2)).prod(1).sqrt().cpu();
    for (int64_t i = 0; i < sides.size(0); ++i) {
      const int size = size_of(sides[i].item<double>());
      ++gauges.objects[size];
      gauges.proposed[size] += all[i].item<bool>();
      gauges.proposed_100[size] += first[i].item<bool>();
    }
  }
  const auto positive = torch::nonzero(targets.labels > 0).squeeze(1);
  const auto labels = targets.labels.index_select(0, positive);
  const auto logits = predictions.logits.index_select(0, positive);
  gauges.positives = positive.size(0);
  gauges.found = (logits.argmax(1) > 0).sum().item<int64_t>();
  gauges.right_class =
      gauges.positives ? (logits.slice(1, 1).argmax(1) + 1 == labels).sum().item<int64_t>() : 0;
  return gauges;
}

}  // namespace lanner::detectors
