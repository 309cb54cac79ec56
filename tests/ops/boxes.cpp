#include <ATen/ATen.h>

#include "tests/catch.h"

#include "lanner/ops/boxes.h"

using namespace lanner::ops;

namespace {

at::Tensor random_boxes(int64_t count) {
  const auto corner = at::rand({count, 2}, at::kDouble) * 80;
  return at::cat({corner, corner + 1 + at::rand({count, 2}, at::kDouble) * 40}, 1);
}

}  // namespace

TEST_CASE("box_iou gives known values") {
  const auto a = at::tensor({0., 0., 10., 10.}).view({1, 4});
  const auto b = at::tensor({0., 0., 10., 10., 5., 5., 15., 15., 20., 20., 30., 30.}).view({3, 4});
  const auto iou = box_iou(a, b);
  CHECK(iou[0][0].item<double>() == 1);
  CHECK(iou[0][1].item<double>() == Approx(25. / 175));
  CHECK(iou[0][2].item<double>() == 0);
  CHECK(box_iou(at::zeros({1, 4}), at::zeros({1, 4})).isnan().all().item<bool>());
  CHECK(box_iou(at::zeros({0, 4}), at::zeros({3, 4})).sizes() == at::IntArrayRef{0, 3});
}

TEST_CASE("BoxCoder::decode inverts BoxCoder::encode") {
  at::manual_seed(1);
  const BoxCoder coder{10, 10, 5, 5};
  const auto references = random_boxes(50), boxes = random_boxes(50);
  const auto decoded = coder.decode(coder.encode(boxes, references), references).squeeze(1);
  CHECK((decoded - boxes).abs().max().item<double>() < 1e-9);
}

TEST_CASE("BoxCoder limits growth to 1000/16 and does not limit shrinking") {
  const auto references = at::tensor({0., 0., 16., 16.}).view({1, 4});
  const auto box = BoxCoder{}.decode(at::tensor({0., 0., 50., -50.}).view({1, 4}), references);
  CHECK((box[0][0][2] - box[0][0][0]).item<double>() == Approx(1000));
  CHECK((box[0][0][3] - box[0][0][1]).item<double>() == Approx(0).margin(1e-9));
}

TEST_CASE("clip_boxes clips boxes to the image") {
  const auto boxes = at::tensor({-5., 3., 30., 50.}).view({1, 4});
  CHECK(at::equal(clip_boxes(boxes, 20, 25), at::tensor({0., 3., 25., 20.}).view({1, 4})));
}

TEST_CASE("box_iou names the argument with an invalid shape") {
  CHECK_THROWS_WITH(box_iou(at::zeros({3, 5}), at::zeros({3, 4})),
                    ContainsSubstring("box_iou: boxes1: expected [..., N, 4], got [3, 5]"));
}
