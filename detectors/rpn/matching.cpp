#include "lanner/detectors/rpn/matching.h"

namespace lanner::detectors {

at::Tensor match(const at::Tensor& iou, double positive_iou, double negative_iou,
                 bool allow_low_quality) {
  if (iou.size(0) == 0)
    return torch::full({iou.size(1)}, kNegative, iou.options().dtype(torch::kLong));
  const auto [best_iou, best_target] = iou.max(0);
  auto matches = best_target.clone();
  matches.masked_fill_(best_iou < negative_iou, kNegative);
  matches.masked_fill_((best_iou >= negative_iou) & (best_iou < positive_iou), kIgnored);
  if (allow_low_quality) {
    const auto max_iou_per_target = std::get<0>(iou.max(1, /*keepdim=*/true));
    matches = torch::where((iou == max_iou_per_target).any(0), best_target, matches);
  }
  return matches;
}

SampledBoxes sample(const at::Tensor& matches, int64_t count, double positive_fraction) {
  const auto positive = torch::nonzero(matches >= 0).squeeze(1);
  const auto negative = torch::nonzero(matches == kNegative).squeeze(1);
  const int64_t num_positive = std::min(
      positive.size(0), static_cast<int64_t>(static_cast<double>(count) * positive_fraction));
  const int64_t num_negative = std::min(negative.size(0), count - num_positive);
  const auto draw = [](const at::Tensor& indices, int64_t n) {
    const auto order = torch::randperm(indices.size(0), indices.options());
    return indices.index_select(0, order.slice(0, 0, n));
  };
  return {draw(positive, num_positive), draw(negative, num_negative)};
}

}  // namespace lanner::detectors
