#include "lanner/detectors/quantization/quantized_layer.h"

#include "lanner/datasets/error.h"
#include "lanner/detectors/quantization/histogram.h"
#include "tests/catch.h"

using namespace lanner;
using namespace lanner::detectors;

namespace {

at::Tensor pair(double scale, int64_t zero_point) {
  return torch::tensor({scale, double(zero_point)}, torch::kFloat);
}

struct Case {
  at::Tensor weight, scale, bias;
  Affine input{0.02, 7};
  std::shared_ptr<QuantizedLayerImpl> layer;

  Case(at::IntArrayRef shape, const at::Tensor& output) {
    torch::manual_seed(1);
    // Even, so that they are the same in the seven bits that processors without VNNI compute with.
    weight = 2 * torch::randint(-63, 64, shape, torch::kChar);
    scale = torch::rand({shape[0]}) * 0.01 + 1e-3;
    bias = torch::randn({shape[0]});
    layer = std::make_shared<QuantizedLayerImpl>(
        QuantizedTensors{weight, scale, bias, pair(0.02, 7), output});
  }
  at::Tensor numbers() const {
    std::vector<int64_t> rows(weight.dim(), 1);
    rows[0] = -1;
    return weight.to(torch::kDouble) * scale.to(torch::kDouble).view(rows);
  }
};

// The bytes that stand for the numbers.
at::Tensor bytes_of(const at::Tensor& numbers, const Affine& affine) {
  return ((numbers / affine.scale).round() + affine.zero_point).clamp(0, 255);
}

int64_t steps_apart(const at::Tensor& found, const at::Tensor& numbers) {
  const Affine affine{found.q_scale(), found.q_zero_point()};
  return (found.int_repr().to(torch::kDouble) - bytes_of(numbers, affine))
      .abs()
      .max()
      .item<int64_t>();
}

}  // namespace

TEST_CASE("an int8 convolution is that of the numbers to one step, with padding, stride and sum") {
  for (const auto& [geometry, groups] :
       {std::pair{ConvGeometry{{1, 1}, {1, 1}, {1, 1}}, int64_t{1}},
        std::pair{ConvGeometry{{2, 2}, {1, 1}, {1, 1}}, int64_t{1}},
        std::pair{ConvGeometry{{1, 1}, {2, 2}, {2, 2}}, int64_t{2}}}) {
    const Case test({16, 8 / groups, 3, 3}, pair(0.05, 100));
    const auto x = quantize_tensor(torch::randn({2, 8, 13, 17}), test.input);
    const auto exact =
        at::conv2d(x.dequantize().to(torch::kDouble), test.numbers(), test.bias.to(torch::kDouble),
                   geometry.stride, geometry.padding, geometry.dilation, groups);
    const auto plain = test.layer->conv(x, {}, geometry, groups, false);
    CHECK(steps_apart(plain, exact) <= 1);
    CHECK(steps_apart(test.layer->conv(x, {}, geometry, groups, true), exact.relu()) <= 1);
    const auto addend = quantize_tensor(torch::randn(exact.sizes()), {0.03, 128});
    const auto kept = addend.clone();
    const auto sum = exact + addend.dequantize().to(torch::kDouble);
    CHECK(steps_apart(test.layer->conv(x, addend, geometry, groups, true), sum.relu()) <= 1);
    CHECK(at::equal(addend.int_repr(), kept.int_repr()));  // held here, so it is not overwritten
    CHECK(steps_apart(test.layer->conv(x, addend.dequantize(), geometry, groups, true),
                      sum.relu()) <= 1);
    const auto numbers = test.layer->conv(x, {}, geometry, groups, false, /*float_output=*/true);
    CHECK(numbers.scalar_type() == torch::kFloat);
    CHECK(torch::allclose(numbers.to(torch::kDouble), exact, 1e-4, 1e-4));
  }
}

TEST_CASE("an int8 linear layer is that of the numbers to one step, also of no rows") {
  const Case test({24, 40}, pair(0.05, 120));
  const auto x = torch::randn({9, 40});
  const auto exact = at::linear(quantize_tensor(x, test.input).dequantize().to(torch::kDouble),
                                test.numbers(), test.bias.to(torch::kDouble));
  CHECK(steps_apart(test.layer->linear(x, false), exact) <= 1);
  CHECK(steps_apart(test.layer->linear(x, true), exact.relu()) <= 1);
  CHECK(test.layer->linear(torch::zeros({0, 40}), true).sizes() == at::IntArrayRef({0, 24}));
}

TEST_CASE("int8 weights that change are packed anew") {
  const Case test({4, 8}, at::empty({0}));
  const auto x = torch::randn({3, 8});
  const auto before = test.layer->linear(x, false);
  test.weight.zero_();
  CHECK(torch::allclose(test.layer->linear(x, false), test.bias.expand({3, 4})));
  CHECK_FALSE(torch::allclose(before, test.bias.expand({3, 4})));
}

TEST_CASE("a quantized layer does not leave the CPU") {
  const Case test({4, 8}, at::empty({0}));
  CHECK_THROWS_WITH(test.layer->to(torch::Device("cuda"), false),
                    ContainsSubstring("quantized detectors run on the CPU, got cuda"));
}

TEST_CASE("a histogram's ranges hold 0, all values, all but the outermost, or err least") {
  torch::manual_seed(2);
  Histogram histogram;
  auto values = torch::randn({100'000}).relu().pow(3);
  histogram.add(values);
  auto more = values.clone();
  more[0] = 100;
  histogram.add(more);  // doubles the bins' width
  values = torch::cat({values, more});
  const auto all = histogram.affine("minmax");
  CHECK(all.zero_point == 0);
  CHECK(all.scale == Approx(100. / 255));
  CHECK(histogram.affine("percentile").scale * 255 < 70);
  const auto least = histogram.affine("mse");
  const auto error = [&](const Affine& affine) {
    return (quantize_tensor(values, affine).dequantize() - values).square().sum().item<double>();
  };
  CHECK(error(least) < error(all));
  Histogram shifted;
  shifted.add(torch::full({10}, 3.f));
  CHECK(shifted.affine("minmax").zero_point == 0);
  CHECK(shifted.affine("minmax").scale == Approx(3. / 255));
  CHECK_THROWS_WITH(shifted.add(torch::full({2}, NAN)), ContainsSubstring("not finite"));
}
