#include "lanner/detectors/matching.h"

namespace lanner::detectors {

at::Tensor match(const at::Tensor& iou, double positive_iou, double negative_iou, bool keep_best) {
  if (iou.size(0) == 0)
    return torch::full({iou.size(1)}, kNegative, iou.options().dtype(torch::kLong));
  const auto [best_iou, best_target] = iou.max(0);
  auto matches = best_target.clone();
  matches.masked_fill_(best_iou < negative_iou, kNegative);
  matches.masked_fill_((best_iou >= negative_iou) & (best_iou < positive_iou), kIgnored);
  if (keep_best) {
    const auto best_of_target = std::get<0>(iou.max(1, /*keepdim=*/true));
    matches = torch::where((iou == best_of_target).any(0), best_target, matches);
  }
  return matches;
}

SampledBoxes sample(const at::Tensor& matches, int64_t count, double positive_fraction) {
  const auto positive = torch::nonzero(matches >= 0).squeeze(1);
  const auto negative = torch::nonzero(matches == kNegative).squeeze(1);
  const int64_t positives = std::min(
      positive.size(0), static_cast<int64_t>(static_cast<double>(count) * positive_fraction));
  const int64_t negatives = std::min(negative.size(0), count - positives);
  const auto pick = [](const at::Tensor& from, int64_t n) {
    return from.index_select(0, torch::randperm(from.size(0), from.options()).slice(0, 0, n));
  };
  return {pick(positive, positives), pick(negative, negatives)};
}

}  // namespace lanner::detectors
