#include "lanner/detectors/diffusion/assignment.h"

#include <limits>

#include "lanner/ops/boxes.h"

namespace lanner::detectors {
namespace {

constexpr double kFocalAlpha = 0.25, kFocalGamma = 2;
constexpr double kFar = 2.5;    // from the center, in sizes of the object
constexpr double kTaken = 1e5;  // added to the cost of predictions that are assigned

// A prediction that several objects want stays with the one it is cheapest for.
void resolve_conflicts(at::Tensor& matched, const at::Tensor& cost) {
  const auto several = torch::nonzero(matched.sum(1) > 1).squeeze(1);
  if (several.size(0) == 0) return;
  const auto unwanted = matched.index_select(0, several) == 0;
  const auto cheapest = cost.index_select(0, several)
                            .masked_fill(unwanted, std::numeric_limits<float>::infinity())
                            .argmin(1);
  matched.index_fill_(0, several, 0);
  matched.index_put_({several, cheapest}, torch::ones_like(cheapest));
}

}  // namespace

at::Tensor assignment_cost(const at::Tensor& scores, const at::Tensor& boxes,
                           const at::Tensor& objects, const at::Tensor& labels, double width,
                           double height) {
  const torch::NoGradGuard no_grad;
  const auto score = scores.index_select(1, labels - 1);  // [N, G]
  const auto positive = kFocalAlpha * (1 - score).pow(kFocalGamma) * -(score + 1e-8).log(),
             negative = (1 - kFocalAlpha) * score.pow(kFocalGamma) * -(1 - score + 1e-8).log();
  const auto size = torch::tensor({width, height, width, height}).to(boxes);
  const auto distance = torch::cdist(boxes / size, objects / size, 1);
  const auto center = (boxes.slice(1, 0, 2) + boxes.slice(1, 2, 4)).unsqueeze(1) / 2;  // [N, 1, 2]
  const auto low = objects.slice(1, 0, 2), high = objects.slice(1, 2, 4);
  const auto middle = (low + high) / 2, reach = kFar * (high - low);
  const auto inside = ((center > low) & (center < high)).all(2);
  const auto near = ((center - middle).abs() < reach).all(2);
  const auto cost = 2 * (positive - negative) + 5 * distance -
                    2 * ops::generalized_box_iou(boxes, objects) + 100 * (~inside).to(boxes);
  return cost + 1e4 * (~near.any(1, true)).to(boxes);
}

Assignment assign(const at::Tensor& scores, const at::Tensor& boxes, const at::Tensor& objects,
                  const at::Tensor& labels, double width, double height, int64_t candidates,
                  int64_t min_matches) {
  const torch::NoGradGuard no_grad;
  const auto count = boxes.size(0), wanted = objects.size(0);
  const auto none = torch::zeros({0}, labels.options());
  if (count == 0 || wanted == 0) return {none, none};
  auto cost = assignment_cost(scores, boxes, objects, labels, width, height);
  const auto best =
      std::get<0>(ops::box_iou(boxes, objects).nan_to_num(0).topk(std::min(candidates, count), 0));
  const auto shares = best.sum(0).floor().to(torch::kLong).clamp_min(min_matches).cpu();
  auto matched = torch::zeros({count, wanted}, labels.options());
  for (int64_t g = 0; g < wanted; ++g) {
    const auto share = std::min(shares[g].item<int64_t>(), count);
    const auto cheapest = std::get<1>(cost.select(1, g).topk(share, 0, /*largest=*/false));
    matched.select(1, g).index_fill_(0, cheapest, 1);
  }
  resolve_conflicts(matched, cost);
  // An object whose predictions went to others takes a free one, as far as there are any.
  for (int64_t round = 0; round < wanted; ++round) {
    const auto left = torch::nonzero(matched.sum(0) == 0).squeeze(1);
    if (left.size(0) == 0 || (matched.sum(1) > 0).all().item<bool>()) break;
    const auto free_cost = cost + kTaken * (matched.sum(1, true) > 0).to(cost);
    const auto cheapest = free_cost.index_select(1, left).argmin(0);
    matched.index_put_({cheapest, left}, torch::ones_like(left));
    resolve_conflicts(matched, cost);
  }
  const auto pairs = torch::nonzero(matched);
  return {pairs.select(1, 0), pairs.select(1, 1)};
}

}  // namespace lanner::detectors
