#include "lanner/ops/winograd_conv2d.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "tests/catch.h"

using namespace lanner::ops;

namespace {

constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;

struct Case {
  int64_t batch, in_channels, out_channels, height, width, padding;
};

struct Sample {
  at::Tensor input, weight, bias;
  at::Tensor addend{}, expected{};  // expected: in double, without addend and ReLU
};

Sample sample(const Case& c, at::ScalarType type) {
  at::manual_seed(7);
  const auto make = [&](at::IntArrayRef size) { return at::randn(size, at::kDouble).to(type); };
  Sample s{make({c.batch, c.in_channels, c.height, c.width}).contiguous(kChannelsLast),
           make({c.out_channels, c.in_channels, 3, 3}) / std::sqrt(9.0 * c.in_channels),
           make({c.out_channels})};
  s.expected = at::conv2d(s.input.to(at::kDouble), s.weight.to(at::kDouble), s.bias.to(at::kDouble),
                          1, c.padding);
  s.addend = make(s.expected.sizes()).contiguous(kChannelsLast);
  return s;
}

at::Tensor convolve(const Sample& s, int64_t padding, bool relu, const at::Tensor& addend = {}) {
  return winograd_conv2d(s.input, winograd_weight(s.weight, s.input.scalar_type()), s.bias,
                         {padding, padding}, relu, addend);
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace

TEST_CASE("winograd_conv2d equals conv2d in double for all sizes of tiles, panels and padding") {
  for (const Case c :
       {Case{1, 16, 16, 4, 4, 1}, Case{2, 32, 48, 9, 7, 1}, Case{1, 16, 80, 5, 23, 1},
        Case{3, 48, 16, 1, 1, 1}, Case{1, 16, 112, 6, 6, 0}, Case{1, 16, 32, 3, 4, 2},
        Case{2, 144, 64, 40, 31, 1}}) {
    CAPTURE(c.batch, c.in_channels, c.out_channels, c.height, c.width, c.padding);
    const auto s = sample(c, at::kDouble);
    const auto out = convolve(s, c.padding, false);
    CHECK(out.is_contiguous(kChannelsLast));
    CHECK(largest_difference(out, s.expected) < 1e-12);
    CHECK(largest_difference(convolve(s, c.padding, true), s.expected.relu()) < 1e-12);
    const auto sum = s.addend.clone();
    CHECK(convolve(s, c.padding, true, sum).is_same(sum));
    CHECK(largest_difference(sum, (s.expected + s.addend).relu()) < 1e-12);
  }
}

TEST_CASE("winograd_conv2d rounds in float as documented, and bfloat16 only at the end") {
  const Case c{1, 256, 64, 33, 21, 1};
  const auto in_float = sample(c, at::kFloat);
  const auto error = convolve(in_float, 1, false).to(at::kDouble) - in_float.expected;
  CHECK(error.std().item<double>() < 4e-6 * in_float.expected.std().item<double>());
  const auto in_half = sample(c, at::kBFloat16);
  const auto expected = (in_half.expected + in_half.addend.to(at::kDouble)).relu();
  const auto sum = in_half.addend.clone();
  convolve(in_half, 1, true, sum);
  // Half a unit in the last of eight places, and what float adds.
  CHECK((((sum.to(at::kDouble) - expected).abs() - expected * 0x1p-8) < 2e-5).all().item<bool>());
}

TEST_CASE("winograd_conv2d keeps NaN, also through ReLU") {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    auto s = sample({1, 16, 16, 8, 8, 1}, type);
    s.input[0][3][2][2] = std::nan("");
    const auto wrong = convolve(s, 1, true).isnan();
    CHECK(wrong.slice(2, 1, 4).slice(3, 1, 4).all().item<bool>());
    CHECK_FALSE(wrong.slice(2, 4).any().item<bool>());
  }
}

TEST_CASE("gradients of winograd_conv2d equal those of conv2d in double, for all paddings") {
  for (const Case c : {Case{2, 16, 32, 9, 7, 1}, Case{1, 32, 16, 3, 3, 0}, Case{3, 16, 16, 1, 2, 2},
                       Case{2, 48, 80, 40, 31, 1}}) {
    CAPTURE(c.batch, c.in_channels, c.out_channels, c.height, c.width, c.padding);
    const auto s = sample(c, at::kDouble);
    const auto gradients = [&](const auto& convolution) {
      std::vector<at::Tensor> leaves{s.input, s.weight, s.bias};
      for (auto& leaf : leaves) leaf = leaf.detach().clone().requires_grad_();
      convolution(leaves).backward(s.addend);
      return std::vector{leaves[0].grad(), leaves[1].grad(), leaves[2].grad()};
    };
    const auto expected = gradients([&](const auto& leaves) {
      return at::conv2d(leaves[0], leaves[1], leaves[2], 1, c.padding);
    });
    const auto actual = gradients([&](const auto& leaves) {
      return winograd_conv2d(leaves[0], leaves[1], leaves[2], {c.padding, c.padding});
    });
    for (size_t i = 0; i < expected.size(); ++i) {
      CAPTURE(i);
      CHECK(largest_difference(actual[i], expected[i]) < 1e-10);
    }
  }
}

TEST_CASE("the gradient of the weights of winograd_conv2d rounds in float as that of conv2d") {
  const Case c{4, 64, 32, 61, 43, 1};
  const auto s = sample(c, at::kFloat);
  const auto gradient = [&](const at::Tensor& input, const at::Tensor& grad) {
    return std::get<1>(at::convolution_backward(grad, input, s.weight.to(input.scalar_type()), {},
                                                {1, 1}, {1, 1}, {1, 1}, false, {0, 0}, 1,
                                                {false, true, false}));
  };
  const auto exact = gradient(s.input.to(at::kDouble), s.addend.to(at::kDouble));
  const auto actual = winograd_conv2d_weight_grad(s.input, s.addend, {1, 1});
  CHECK((actual - exact).std().item<double>() < 1e-5 * exact.std().item<double>());
}

TEST_CASE("winograd_conv2d has second derivatives, those of conv2d") {
  const auto s = sample({1, 16, 16, 5, 6, 1}, at::kDouble);
  const auto penalty_gradient = [&](const auto& convolution) {
    const auto x = s.input.detach().clone().requires_grad_(),
               w = s.weight.detach().clone().requires_grad_();
    const auto out = convolution(x, w).square().sum();
    const auto of_x = torch::autograd::grad({out}, {x}, {}, true, true)[0];
    of_x.square().sum().backward();
    return w.grad();
  };
  const auto expected =
      penalty_gradient([](const auto& x, const auto& w) { return at::conv2d(x, w, {}, 1, 1); });
  const auto actual = penalty_gradient([](const auto& x, const auto& w) {
    return winograd_conv2d(x, w, at::Tensor(), {1, 1});
  });
  CHECK(at::allclose(actual, expected, 1e-9));
}

TEST_CASE("winograd_conv2d computes only the gradients that are wanted") {
  auto s = sample({1, 16, 16, 5, 6, 1}, at::kFloat);
  s.weight.requires_grad_();
  winograd_conv2d(s.input, s.weight, {}, {1, 1}).sum().backward();
  CHECK(s.weight.grad().defined());
  s.weight = s.weight.detach();
  s.input.requires_grad_();
  winograd_conv2d(s.input, s.weight, {}, {1, 1}).sum().backward();
  CHECK(s.input.grad().defined());
}

TEST_CASE("winograd_conv2d gives the same on one thread as on several") {
  const auto s = sample({2, 32, 32, 37, 29, 1}, at::kFloat);
  const auto expected = convolve(s, 1, false);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto actual = convolve(s, 1, false);
  at::set_num_threads(threads);
  CHECK(at::equal(actual, expected));
}

TEST_CASE("winograd_conv2d names the argument that does not fit") {
  const auto weight = at::zeros({16, 16, 3, 3});
  CHECK(is_winograd_conv2d(weight, {1, 1}, {1, 1}, 1));
  CHECK_FALSE(is_winograd_conv2d(weight, {2, 2}, {1, 1}, 1));
  CHECK_FALSE(is_winograd_conv2d(weight, {1, 1}, {2, 2}, 1));
  CHECK_FALSE(is_winograd_conv2d(weight, {1, 1}, {1, 1}, 2));
  CHECK_FALSE(is_winograd_conv2d(at::zeros({16, 8, 3, 3}), {1, 1}, {1, 1}, 1));
  CHECK_FALSE(is_winograd_conv2d(at::zeros({16, 16, 1, 1}), {1, 1}, {1, 1}, 1));
  CHECK_THROWS_WITH(winograd_weight(at::zeros({8, 16, 3, 3}), at::kFloat),
                    ContainsSubstring("weight: expected [O, C, 3, 3]"));
  CHECK_THROWS_WITH(winograd_weight(weight, at::kHalf),
                    ContainsSubstring("expected float, double or bfloat16"));
  const auto transformed = winograd_weight(weight, at::kFloat);
  const auto input = at::zeros({1, 16, 5, 5}).contiguous(kChannelsLast);
  const auto run = [&](const at::Tensor& x, const at::Tensor& bias, const at::Tensor& addend) {
    return winograd_conv2d(x, transformed, bias, {1, 1}, false, addend);
  };
  CHECK_THROWS_WITH(run(at::zeros({1, 32, 5, 5}), {}, {}), ContainsSubstring("input: expected [N"));
  CHECK_THROWS_WITH(run(at::zeros({1, 16, 5, 5}), {}, {}),
                    ContainsSubstring("input: expected a channels-last"));
  CHECK_THROWS_WITH(run(input.to(at::kDouble), {}, {}), ContainsSubstring("weight: expected"));
  CHECK_THROWS_WITH(run(input, at::zeros({8}), {}), ContainsSubstring("bias: expected [16]"));
  CHECK_THROWS_WITH(run(input, {}, at::zeros({1, 16, 4, 5}).contiguous(kChannelsLast)),
                    ContainsSubstring("addend: expected 5 x 5"));
  CHECK_THROWS_WITH(run(input.slice(0, 1), {}, {}), ContainsSubstring("input: expected images"));
  CHECK_THROWS_WITH(winograd_conv2d(input, weight, {}, {3, 3}),
                    ContainsSubstring("padding: expected at most 2"));
  CHECK_THROWS_WITH(winograd_conv2d(input.to(at::kBFloat16), weight, {}, {1, 1}),
                    ContainsSubstring("input: expected float or double to be trained with"));
  CHECK_THROWS_WITH(winograd_conv2d_weight_grad(input, input.slice(2, 1), {1, 1}),
                    ContainsSubstring("grad: expected 5 x 5 pixels"));
  CHECK_THROWS_WITH(winograd_conv2d_weight_grad(input, at::zeros({1, 8, 5, 5}), {1, 1}),
                    ContainsSubstring("channels in multiples of 16"));
  CHECK_THROWS_WITH(winograd_conv2d_weight_grad(input.to(at::kHalf), input, {1, 1}),
                    ContainsSubstring("input: expected float or double"));
}
