#include "lanner/detectors/diffusion/box_loss.h"

namespace lanner::detectors {
namespace {

constexpr double kImageL1 = 5, kObjectL1 = 4, kGiou = 2;  // weights
constexpr double kLeastSide = 1;                          // pixel, of objects that L1 is divided by

at::Tensor lows(const at::Tensor& boxes) { return boxes.narrow(1, 0, 2); }
at::Tensor highs(const at::Tensor& boxes) { return boxes.narrow(1, 2, 2); }

// 1 - generalized IoU of pairs of boxes [M, 4]: [M].
at::Tensor giou_loss(const at::Tensor& a, const at::Tensor& b) {
  const auto area = [](const at::Tensor& x) { return (highs(x) - lows(x)).prod(1); };
  const auto low = torch::maximum(lows(a), lows(b)), high = torch::minimum(highs(a), highs(b));
  const auto common = (high - low).clamp_min(0).prod(1);
  const auto united = area(a) + area(b) - common;
  const auto enclosing =
      (torch::maximum(highs(a), highs(b)) - torch::minimum(lows(a), lows(b))).prod(1);
  return 1 - common / united.clamp_min(1e-7) + (enclosing - united) / enclosing.clamp_min(1e-7);
}

}  // namespace

at::Tensor box_loss(const at::Tensor& boxes, const at::Tensor& objects, const at::Tensor& images,
                    L1Unit unit) {
  const auto error = (boxes - objects).abs();
  const auto sides = (highs(objects) - lows(objects)).clamp_min(kLeastSide).repeat({1, 2});
  const auto l1 = unit == L1Unit::image ? kImageL1 * (error / images) : kObjectL1 * (error / sides);
  return l1.sum() + kGiou * giou_loss(boxes, objects).sum();
}

}  // namespace lanner::detectors
