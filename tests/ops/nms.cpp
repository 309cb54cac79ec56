#include <ATen/ATen.h>

#include "tests/catch.h"

#include <algorithm>
#include <numeric>

#include "lanner/ops/iou.h"
#include "lanner/ops/nms.h"

using namespace lanner::ops;

namespace {

at::Tensor random_boxes(int64_t count, at::ScalarType type) {
  const auto corner = at::rand({count, 2}, type) * 60;
  return at::cat({corner, corner + 1 + at::rand({count, 2}, type) * 40}, 1);
}

// The definition of NMS, evaluated pair by pair.
std::vector<int64_t> naive_nms(const at::Tensor& boxes, const at::Tensor& scores,
                               double threshold) {
  const auto boxes_double = boxes.to(at::kDouble).contiguous(),
             s = scores.to(at::kDouble).contiguous();
  const auto* b = boxes_double.const_data_ptr<double>();
  std::vector<int64_t> order(boxes.size(0)), kept;
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
    return s.const_data_ptr<double>()[i] > s.const_data_ptr<double>()[j];
  });
  for (const int64_t i : order)
    if (std::none_of(kept.begin(), kept.end(),
                     [&](int64_t k) { return iou_above(b + 4 * k, b + 4 * i, threshold); }))
      kept.push_back(i);
  return kept;
}

std::vector<int64_t> as_vector(const at::Tensor& indices) {
  const auto* data = indices.const_data_ptr<int64_t>();
  return {data, data + indices.numel()};
}

}  // namespace

TEST_CASE("nms matches the naive reference, including ties") {
  at::manual_seed(2);
  for (const auto type : {at::kFloat, at::kDouble})
    for (const double threshold : {0.0, 0.3, 0.7})
      for (const int64_t count : {1, 17, 400}) {
        const auto boxes = random_boxes(count, type);
        const auto scores = (at::rand({count}, type) * 20).floor();  // many ties
        CHECK(as_vector(nms(boxes, scores, threshold)) == naive_nms(boxes, scores, threshold));
      }
}

TEST_CASE("nms accepts no boxes and does not suppress an IoU equal to the threshold") {
  CHECK(nms(at::zeros({0, 4}), at::zeros({0}), 0.5).numel() == 0);
  const auto boxes = at::tensor({0., 0., 2., 1., 1., 0., 3., 1.}).view({2, 4});  // IoU 1/3
  CHECK(nms(boxes, at::tensor({2., 1.}), 1. / 3).numel() == 2);
  CHECK(nms(boxes, at::tensor({2., 1.}), 0.33).numel() == 1);
}

TEST_CASE("nms puts NaN scores first and keeps boxes without area") {
  const auto boxes = at::tensor({0., 0., 0., 0., 0., 0., 0., 0., 5., 5., 9., 9.}).view({3, 4});
  const auto kept = nms(boxes, at::tensor({1., 2., std::nan("")}), 0.5);
  CHECK(as_vector(kept) == std::vector<int64_t>{2, 1, 0});
}

TEST_CASE("batched_nms suppresses only within classes, on both code paths") {
  at::manual_seed(3);
  for (const int64_t count : {200, 1500}) {
    const auto boxes = random_boxes(count, at::kDouble), scores = at::rand({count}, at::kDouble);
    const auto classes = at::randint(4, {count}, at::kLong);
    std::vector<int64_t> expected;
    for (int64_t label = 0; label < 4; ++label) {
      const auto members = at::nonzero(classes == label).squeeze(1);
      for (const int64_t i :
           naive_nms(boxes.index_select(0, members), scores.index_select(0, members), 0.4))
        expected.push_back(members[i].item<int64_t>());
    }
    auto actual = as_vector(batched_nms(boxes, scores, classes, 0.4));
    CHECK(std::is_sorted(actual.begin(), actual.end(), [&](int64_t a, int64_t b) {
      return scores[a].item<double>() > scores[b].item<double>();
    }));
    std::sort(actual.begin(), actual.end());
    std::sort(expected.begin(), expected.end());
    CHECK(actual == expected);
  }
}

TEST_CASE("nms rejects invalid arguments and names them") {
  CHECK_THROWS_WITH(nms(at::zeros({3, 5}), at::zeros({3}), 0.5),
                    ContainsSubstring("nms: boxes: expected [N, 4], got [3, 5]"));
  CHECK_THROWS_WITH(nms(at::zeros({3, 4}), at::zeros({2}), 0.5),
                    ContainsSubstring("nms: scores: expected [3], got [2]"));
  CHECK_THROWS_WITH(nms(at::zeros({3, 4}), at::zeros({3}, at::kDouble), 0.5),
                    ContainsSubstring("nms: scores: expected the type of boxes"));
  CHECK_THROWS_WITH(nms(at::zeros({3, 4}, at::kLong), at::zeros({3}, at::kLong), 0.5),
                    ContainsSubstring("floating-point"));
  CHECK_THROWS_WITH(batched_nms(at::zeros({3, 4}), at::zeros({3}), at::zeros({2}, at::kLong), 0.5),
                    ContainsSubstring("batched_nms: classes"));
}
