#include "lanner/detectors/rpn/anchors.h"

#include "tests/catch.h"

using namespace lanner::detectors;

TEST_CASE("anchors match torchvision: rounded half to even, ordered by ratio") {
  const AnchorGenerator generator({{{32}, {64}}, {0.5, 1, 2}});
  const auto anchors =
      generator({torch::zeros({1, 1, 2, 3}), torch::zeros({1, 1, 1, 1})}, {16, 24});
  REQUIRE(anchors.sizes() == at::IntArrayRef{2 * 3 * 3 + 3, 4});
  CHECK(at::equal(anchors[0], torch::tensor({-23.f, -11.f, 23.f, 11.f})));
  CHECK(at::equal(anchors[1], torch::tensor({-16.f, -16.f, 16.f, 16.f})));
  CHECK(at::equal(anchors[2], torch::tensor({-11.f, -23.f, 11.f, 23.f})));
  CHECK(at::equal(anchors[4], torch::tensor({-8.f, -16.f, 24.f, 16.f})));   // next in x
  CHECK(at::equal(anchors[10], torch::tensor({-16.f, -8.f, 16.f, 24.f})));  // next in y
}

TEST_CASE("strides are the padded size divided by the feature size, rounded down") {
  const AnchorGenerator generator({{{512}}, {1}});
  const auto anchors = generator({torch::zeros({1, 1, 13, 17})}, {800, 1088});
  CHECK((anchors[17][1] - anchors[0][1]).item<float>() == 61);
  CHECK((anchors[1][0] - anchors[0][0]).item<float>() == 64);
}

TEST_CASE("sizes of one level are ordered within each ratio") {
  const AnchorGenerator generator({{{16, 32}}, {1, 4}});
  CHECK(generator.anchors_per_position() == 4);
  const auto anchors = generator({torch::zeros({1, 1, 1, 1})}, {8, 8});
  CHECK(anchors[1][2].item<float>() == 16);
  CHECK(anchors[2][2].item<float>() == 4);
}
