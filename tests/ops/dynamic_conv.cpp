#include "lanner/ops/dynamic_conv.h"

#include <ATen/ATen.h>

#include "tests/catch.h"

using namespace lanner::ops;

namespace {

struct Case {
  int64_t boxes, area, width, inner;
};

struct Tensors {
  at::Tensor features, weights, scale, shift;
};

Tensors tensors(const Case& c, at::ScalarType type) {
  at::manual_seed(3);
  const auto make = [&](at::IntArrayRef size) { return at::randn(size, at::kDouble).to(type); };
  return {make({c.boxes, c.area, c.width}), make({c.boxes, 2 * c.width * c.inner}), make({c.inner}),
          make({c.inner})};
}

at::Tensor naive(const Case& c, const Tensors& t) {
  const auto x = t.features.to(at::kDouble), weights = t.weights.to(at::kDouble);
  const auto half = c.width * c.inner;
  const auto a = weights.slice(1, 0, half).reshape({c.boxes, c.width, c.inner}),
             b = weights.slice(1, half).reshape({c.boxes, c.inner, c.width});
  const auto normed = at::layer_norm(at::bmm(x, a), {c.inner}, t.scale.to(at::kDouble),
                                     t.shift.to(at::kDouble), 1e-5);
  return x + at::bmm(normed.relu(), b);
}

}  // namespace

TEST_CASE("the dynamic convolution equals two products and a layer norm") {
  const auto c = GENERATE(Case{5, 49, 64, 8}, Case{3, 9, 64, 16}, Case{2, 7, 13, 11},
                          Case{4, 1, 3, 1}, Case{9, 4, 40, 64}, Case{0, 49, 64, 8});
  CAPTURE(c.area, c.width, c.inner);
  const auto type = GENERATE(at::kFloat, at::kDouble);
  const auto t = tensors(c, type);
  const auto expected = naive(c, t);
  add_dynamic_conv(t.features, t.weights, t.scale, t.shift, 1e-5);
  const double tolerance = type == at::kFloat ? 1e-4 : 1e-11;
  CHECK(at::allclose(t.features.to(at::kDouble), expected, tolerance, tolerance));
}

TEST_CASE("the dynamic convolution keeps NaN, of its own box alone") {
  const Case c{3, 4, 16, 8};
  const auto t = tensors(c, at::kFloat);
  t.features[1][2][3] = std::numeric_limits<float>::quiet_NaN();
  add_dynamic_conv(t.features, t.weights, t.scale, t.shift, 1e-5);
  CHECK(t.features[1][2].isnan().all().item<bool>());
  CHECK(t.features.isnan().sum().item<int64_t>() == c.width);
}

TEST_CASE("the dynamic convolution names the argument that does not fit") {
  const Case c{3, 4, 16, 8};
  auto t = tensors(c, at::kFloat);
  CHECK_THROWS_WITH(add_dynamic_conv(t.features.transpose(1, 2), t.weights, t.scale, t.shift, 1e-5),
                    ContainsSubstring("features: expected [K, area, width], contiguous"));
  CHECK_THROWS_WITH(add_dynamic_conv(t.features, t.weights.slice(1, 1), t.scale, t.shift, 1e-5),
                    ContainsSubstring("weights: expected [3, 256]"));
  CHECK_THROWS_WITH(add_dynamic_conv(t.features, t.weights, t.scale, t.shift.to(at::kDouble), 1e-5),
                    ContainsSubstring("shift: expected [8]"));
}
