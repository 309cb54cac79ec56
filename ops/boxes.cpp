#include "lanner/ops/boxes.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/stack.h>

#include <cmath>

namespace lanner::ops {
namespace {

struct Centres {
  at::Tensor width, height, x, y;

  explicit Centres(const at::Tensor& boxes)
      : width(boxes.select(1, 2) - boxes.select(1, 0)),
        height(boxes.select(1, 3) - boxes.select(1, 1)),
        x(boxes.select(1, 0) + 0.5 * width),
        y(boxes.select(1, 1) + 0.5 * height) {}
};

void check_boxes(const char* what, const at::Tensor& boxes) {
  TORCH_CHECK(boxes.dim() == 2 && boxes.size(1) == 4, what, ": expected [N, 4], got ",
              boxes.sizes());
}

}  // namespace

at::Tensor box_iou(const at::Tensor& boxes1, const at::Tensor& boxes2) {
  check_boxes("box_iou: boxes1", boxes1);
  check_boxes("box_iou: boxes2", boxes2);
  const auto area = [](const at::Tensor& b) {
    return (b.select(1, 2) - b.select(1, 0)) * (b.select(1, 3) - b.select(1, 1));
  };
  const auto first = boxes1.unsqueeze(1);
  const auto low = at::maximum(first.slice(2, 0, 2), boxes2.slice(1, 0, 2));
  const auto high = at::minimum(first.slice(2, 2, 4), boxes2.slice(1, 2, 4));
  const auto size = (high - low).clamp_min(0);
  const auto overlap = size.select(2, 0) * size.select(2, 1);
  return overlap / (area(boxes1).unsqueeze(1) + area(boxes2) - overlap);
}

at::Tensor clip_boxes(const at::Tensor& boxes, int64_t height, int64_t width) {
  const auto x = boxes.slice(-1, 0, 4, 2).clamp(0, width);
  const auto y = boxes.slice(-1, 1, 4, 2).clamp(0, height);
  return at::stack({x, y}, -1).flatten(-2);
}

at::Tensor BoxCoder::encode(const at::Tensor& boxes, const at::Tensor& references) const {
  check_boxes("BoxCoder::encode: boxes", boxes);
  check_boxes("BoxCoder::encode: references", references);
  const Centres to(boxes), from(references);
  return at::stack({wx * (to.x - from.x) / from.width, wy * (to.y - from.y) / from.height,
                    ww * (to.width / from.width).log(), wh * (to.height / from.height).log()},
                   1);
}

at::Tensor BoxCoder::decode(const at::Tensor& deltas, const at::Tensor& references) const {
  check_boxes("BoxCoder::decode: references", references);
  TORCH_CHECK(deltas.dim() == 2 && deltas.size(0) == references.size(0) && deltas.size(1) % 4 == 0,
              "BoxCoder::decode: deltas: expected [", references.size(0), ", 4 * C], got ",
              deltas.sizes());
  const double most = std::log(1000. / 16);
  const Centres from(references);
  const auto d = deltas.view({deltas.size(0), deltas.size(1) / 4, 4});
  const auto column = [](const at::Tensor& t) { return t.unsqueeze(1); };
  const auto x = d.select(2, 0) / wx * column(from.width) + column(from.x);
  const auto y = d.select(2, 1) / wy * column(from.height) + column(from.y);
  const auto half_width = 0.5 * ((d.select(2, 2) / ww).clamp_max(most).exp() * column(from.width));
  const auto half_height =
      0.5 * ((d.select(2, 3) / wh).clamp_max(most).exp() * column(from.height));
  return at::stack({x - half_width, y - half_height, x + half_width, y + half_height}, 2);
}

}  // namespace lanner::ops
