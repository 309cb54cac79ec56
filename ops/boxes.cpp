#include "lanner/ops/boxes.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/stack.h>
#include <torch/library.h>

#include <cmath>
#include <string>

namespace lanner::ops {
namespace {

struct CenterSize {
  at::Tensor width, height, x, y;

  explicit CenterSize(const at::Tensor& boxes)
      : width(boxes.select(1, 2) - boxes.select(1, 0)),
        height(boxes.select(1, 3) - boxes.select(1, 1)),
        x(boxes.select(1, 0) + 0.5 * width),
        y(boxes.select(1, 1) + 0.5 * height) {}
};

void check_boxes(const char* what, const at::Tensor& boxes) {
  TORCH_CHECK(boxes.dim() == 2 && boxes.sym_size(1) == 4, what, ": expected [N, 4], got ",
              boxes.sym_sizes());
}

void check_box_sets(const std::string& what, const at::Tensor& boxes) {
  TORCH_CHECK(boxes.dim() >= 2 && boxes.sym_size(-1) == 4, what, ": expected [..., N, 4], got ",
              boxes.sym_sizes());
}

void check_pairs(const char* op, const at::Tensor& boxes1, const at::Tensor& boxes2) {
  check_box_sets(std::string(op) + ": boxes1", boxes1);
  check_box_sets(std::string(op) + ": boxes2", boxes2);
  TORCH_CHECK(boxes1.device() == boxes2.device(), op,
              ": boxes2: expected on the device of boxes1, ", boxes1.device(), ", got ",
              boxes2.device());
}

// Areas could overflow in 16-bit or small integer types.
at::Tensor promote(const at::Tensor& boxes) {
  if (boxes.is_floating_point())
    return boxes.scalar_type() == at::kDouble ? boxes : boxes.to(at::kFloat);
  return boxes.to(at::kLong);
}

at::Tensor area(const at::Tensor& boxes) {
  return (boxes.select(-1, 2) - boxes.select(-1, 0)) * (boxes.select(-1, 3) - boxes.select(-1, 1));
}

struct PairAreas {
  at::Tensor intersection, union_area;  // [..., N, M], areas

  PairAreas(const at::Tensor& boxes1, const at::Tensor& boxes2) {
    const auto first = boxes1.unsqueeze(-2), second = boxes2.unsqueeze(-3);
    const auto low = at::maximum(first.slice(-1, 0, 2), second.slice(-1, 0, 2));
    const auto high = at::minimum(first.slice(-1, 2, 4), second.slice(-1, 2, 4));
    const auto size = (high - low).clamp_min(0);
    intersection = size.select(-1, 0) * size.select(-1, 1);
    union_area = area(boxes1).unsqueeze(-1) + area(boxes2).unsqueeze(-2) - intersection;
  }
};

}  // namespace

at::Tensor box_iou(const at::Tensor& boxes1, const at::Tensor& boxes2) {
  check_pairs("box_iou", boxes1, boxes2);
  const PairAreas areas(promote(boxes1), promote(boxes2));
  return areas.intersection / areas.union_area;
}

at::Tensor generalized_box_iou(const at::Tensor& boxes1, const at::Tensor& boxes2) {
  check_pairs("generalized_box_iou", boxes1, boxes2);
  const auto a = promote(boxes1), b = promote(boxes2);
  const PairAreas areas(a, b);
  const auto first = a.unsqueeze(-2), second = b.unsqueeze(-3);
  const auto low = at::minimum(first.slice(-1, 0, 2), second.slice(-1, 0, 2));
  const auto high = at::maximum(first.slice(-1, 2, 4), second.slice(-1, 2, 4));
  const auto size = (high - low).clamp_min(0);
  const auto enclosing_area = size.select(-1, 0) * size.select(-1, 1);
  return areas.intersection / areas.union_area -
         (enclosing_area - areas.union_area) / enclosing_area;
}

at::Tensor clip_boxes(const at::Tensor& boxes, int64_t height, int64_t width) {
  const auto x = boxes.slice(-1, 0, 4, 2).clamp(0, width);
  const auto y = boxes.slice(-1, 1, 4, 2).clamp(0, height);
  return at::stack({x, y}, -1).flatten(-2);
}

at::Tensor BoxCoder::encode(const at::Tensor& boxes, const at::Tensor& references) const {
  check_boxes("BoxCoder::encode: boxes", boxes);
  check_boxes("BoxCoder::encode: references", references);
  const CenterSize target(boxes), reference(references);
  return at::stack(
      {wx * (target.x - reference.x) / reference.width,
       wy * (target.y - reference.y) / reference.height,
       ww * (target.width / reference.width).log(), wh * (target.height / reference.height).log()},
      1);
}

at::Tensor BoxCoder::decode(const at::Tensor& deltas, const at::Tensor& references) const {
  check_boxes("BoxCoder::decode: references", references);
  TORCH_CHECK(deltas.dim() == 2 && deltas.size(0) == references.size(0) && deltas.size(1) % 4 == 0,
              "BoxCoder::decode: deltas: expected [", references.size(0), ", 4 * C], got ",
              deltas.sizes());
  const double max_log_growth = std::log(1000. / 16);
  const CenterSize reference(references);
  const auto d = deltas.view({deltas.size(0), deltas.size(1) / 4, 4});
  const auto column = [](const at::Tensor& t) { return t.unsqueeze(1); };
  const auto x = d.select(2, 0) / wx * column(reference.width) + column(reference.x);
  const auto y = d.select(2, 1) / wy * column(reference.height) + column(reference.y);
  const auto half_width =
      0.5 * ((d.select(2, 2) / ww).clamp_max(max_log_growth).exp() * column(reference.width));
  const auto half_height =
      0.5 * ((d.select(2, 3) / wh).clamp_max(max_log_growth).exp() * column(reference.height));
  return at::stack({x - half_width, y - half_height, x + half_width, y + half_height}, 2);
}

namespace {

at::Tensor encode_boxes(const at::Tensor& boxes, const at::Tensor& references, double wx, double wy,
                        double ww, double wh) {
  return BoxCoder{wx, wy, ww, wh}.encode(boxes, references);
}
at::Tensor decode_boxes(const at::Tensor& deltas, const at::Tensor& references, double wx,
                        double wy, double ww, double wh) {
  return BoxCoder{wx, wy, ww, wh}.decode(deltas, references);
}

// Composed of torch operators, which provide the devices and the gradients.
TORCH_LIBRARY_FRAGMENT(lanner, m) {
  m.def("box_iou(Tensor boxes1, Tensor boxes2) -> Tensor", box_iou);
  m.def("generalized_box_iou(Tensor boxes1, Tensor boxes2) -> Tensor", generalized_box_iou);
  m.def(
      "encode_boxes(Tensor boxes, Tensor references, float wx, float wy, float ww, float wh) "
      "-> Tensor",
      encode_boxes);
  m.def(
      "decode_boxes(Tensor deltas, Tensor references, float wx, float wy, float ww, float wh) "
      "-> Tensor",
      decode_boxes);
}

}  // namespace
}  // namespace lanner::ops
