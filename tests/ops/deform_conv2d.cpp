#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "tests/catch.h"

#include "lanner/ops/cuda/deform_conv2d_kernel.h"
#include "lanner/ops/deform_conv2d.h"

using namespace lanner::ops;

namespace {

// Two images, two weight groups, two offset groups, and different strides and dilations on the two
// axes.
struct Case {
  DeformConvShape s{.batch = 2,
                    .channels = 8,
                    .height = 7,
                    .width = 9,
                    .out_channels = 6,
                    .out_height = 4,
                    .out_width = 9,
                    .kernel_height = 3,
                    .kernel_width = 2,
                    .stride = {2, 1},
                    .padding = {1, 1},
                    .dilation = {1, 2},
                    .weight_groups = 2,
                    .offset_groups = 2};
  DeformConv2dOptions options{{2, 1}, {1, 1}, {1, 2}};
  at::Tensor input, weight, offset, mask, bias;

  Case() {
    at::manual_seed(21);
    const auto random = [](at::IntArrayRef size) {
      return at::randn(size, at::kDouble).set_requires_grad(true);
    };
    input = random({s.batch, s.channels, s.height, s.width});
    weight = random({s.out_channels, s.channels / s.weight_groups, 3, 2});
    offset = (2 * at::randn({s.batch, s.offset_groups * 2 * s.taps(), s.out_height, s.out_width},
                            at::kDouble))
                 .set_requires_grad(true);
    mask = random({s.batch, s.offset_groups * s.taps(), s.out_height, s.out_width});
    bias = random({s.out_channels});
  }
};

// The definition, evaluated term by term.
at::Tensor naive(const Case& c) {
  const auto& s = c.s;
  const auto in = c.input.detach(), offset_values = c.offset.detach();
  auto out = at::zeros({s.batch, s.out_channels, s.out_height, s.out_width}, at::kDouble);
  const auto x = in.accessor<double, 4>(), offsets = offset_values.accessor<double, 4>();
  const auto masks = c.mask.accessor<double, 4>(), w = c.weight.accessor<double, 4>();
  auto y = out.accessor<double, 4>();
  const auto interpolate = [&](int64_t n, int64_t channel, double row, double column) {
    double sum = 0;
    for (int64_t i = 0; i < s.height; ++i)
      for (int64_t j = 0; j < s.width; ++j)
        sum += x[n][channel][i][j] * std::max(0., 1 - std::abs(row - double(i))) *
               std::max(0., 1 - std::abs(column - double(j)));
    return sum;
  };
  for (int64_t n = 0; n < s.batch; ++n)
    for (int64_t o = 0; o < s.out_channels; ++o)
      for (int64_t i = 0; i < s.out_height; ++i)
        for (int64_t j = 0; j < s.out_width; ++j) {
          double sum = c.bias[o].item<double>();
          for (int64_t k = 0; k < s.channels / s.weight_groups; ++k)
            for (int64_t tap = 0; tap < s.taps(); ++tap) {
              const int64_t channel =
                  o / (s.out_channels / s.weight_groups) * (s.channels / s.weight_groups) + k;
              const int64_t group = channel / (s.channels / s.offset_groups);
              const int64_t first = group * s.taps() + tap;
              const double row = double(i * 2 - 1 + tap / 2) + offsets[n][2 * first][i][j];
              const double column = double(j - 1 + tap % 2 * 2) + offsets[n][2 * first + 1][i][j];
              sum += w[o][k][tap / 2][tap % 2] * masks[n][first][i][j] *
                     interpolate(n, channel, row, column);
            }
          y[n][o][i][j] = sum;
        }
  return out;
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

}  // namespace

TEST_CASE("deform_conv2d matches the naive reference with both kinds of groups, mask and bias") {
  const Case c;
  const auto out = deform_conv2d(c.input, c.offset, c.weight, c.bias, c.mask, c.options);
  CHECK(difference(out, naive(c)) < 1e-10);
}

TEST_CASE("deform_conv2d with zero offsets matches conv2d") {
  const Case c;
  const auto zero = at::zeros_like(c.offset);
  const auto expected =
      at::conv2d(c.input, c.weight, c.bias, {2, 1}, {1, 1}, {1, 2}, c.s.weight_groups);
  CHECK(difference(deform_conv2d(c.input, zero, c.weight, c.bias, {}, c.options), expected) <
        1e-10);
}

TEST_CASE("the CUDA kernels of deform_conv2d match the CPU, forward and backward") {
  const Case c;
  const auto& s = c.s;
  const auto expected = deform_conv2d(c.input, c.offset, c.weight, {}, c.mask, c.options);
  const auto grad = at::randn_like(expected);
  const auto expected_grads =
      torch::autograd::grad({expected}, {c.input, c.offset, c.weight, c.mask}, {grad});
  const auto data = [](const at::Tensor& tensor, int64_t image) {
    return tensor.select(0, image).const_data_ptr<double>();
  };
  const auto weights =
      c.weight.detach().view({s.weight_groups, s.out_channels / s.weight_groups, -1});
  auto out = at::empty_like(expected), grad_input = at::zeros_like(c.input.detach());
  auto grad_offset = at::zeros_like(c.offset.detach()), grad_mask = at::zeros_like(c.mask.detach());
  auto grad_weight = at::zeros_like(weights);
  for (int64_t image = 0; image < s.batch; ++image) {
    auto columns = at::empty(
        {s.weight_groups, s.channels / s.weight_groups * s.taps(), s.positions()}, at::kDouble);
    const DeformColumns<double, double> fill_columns{data(c.input, image), data(c.offset, image),
                                                     data(c.mask, image),
                                                     columns.mutable_data_ptr<double>(), s};
    for (int64_t i = 0; i < s.channels * s.positions(); ++i) fill_columns(i);
    out.select(0, image).copy_(at::bmm(weights, columns).view(expected[0].sizes()));

    const auto group_grad = grad.select(0, image).view({s.weight_groups, -1, s.positions()});
    grad_weight += at::bmm(group_grad, columns.transpose(1, 2));
    const auto grad_columns = at::bmm(weights.transpose(1, 2), group_grad).contiguous();
    const DeformInputGradient<double, double> input_gradient{
        grad_columns.const_data_ptr<double>(), data(c.offset, image), data(c.mask, image),
        grad_input.select(0, image).mutable_data_ptr<double>(), s};
    for (int64_t i = 0; i < s.channels * s.taps() * s.positions(); ++i) input_gradient(i);
    const DeformOffsetGradient<double, double> offset_gradient{
        grad_columns.const_data_ptr<double>(),
        data(c.input, image),
        data(c.offset, image),
        data(c.mask, image),
        grad_offset.select(0, image).mutable_data_ptr<double>(),
        grad_mask.select(0, image).mutable_data_ptr<double>(),
        s};
    for (int64_t i = 0; i < s.offset_groups * s.taps() * s.positions(); ++i) offset_gradient(i);
  }
  CHECK(difference(out, expected) < 1e-12);
  CHECK(difference(grad_input, expected_grads[0]) < 1e-12);
  CHECK(difference(grad_offset, expected_grads[1]) < 1e-12);
  CHECK(difference(grad_weight.view(c.weight.sizes()), expected_grads[2]) < 1e-12);
  CHECK(difference(grad_mask, expected_grads[3]) < 1e-12);
}

TEST_CASE("deform_conv2d exactly one pixel outside the input is 0 with a non-zero derivative") {
  const auto input = at::full({1, 1, 2, 2}, 3.).set_requires_grad(true);
  auto offset = at::zeros({1, 2, 2, 2}, at::kDouble);
  offset[0][0][0][0] = -1;  // one pixel above the first row
  offset.set_requires_grad(true);
  const auto out =
      deform_conv2d(input.to(at::kDouble), offset, at::ones({1, 1, 1, 1}, at::kDouble));
  CHECK(out[0][0][0][0].item<double>() == 0);
  const auto derivative = torch::autograd::grad({out.sum()}, {offset})[0];
  CHECK(derivative[0][0][0][0].item<double>() == 3);
}

TEST_CASE("deform_conv2d rejects invalid arguments and names them") {
  const Case c;
  const auto call = [&](const at::Tensor& offset, const at::Tensor& weight,
                        const DeformConv2dOptions& options) {
    return deform_conv2d(c.input, offset, weight, {}, {}, options);
  };
  CHECK_THROWS_WITH(call(c.offset.narrow(1, 0, 5), c.weight, c.options),
                    ContainsSubstring("deform_conv2d: offset: expected [2, 12 * G, 4, 9], got "
                                      "[2, 5, 4, 9]"));
  CHECK_THROWS_WITH(call(c.offset, at::ones({6, 3, 3, 2}, at::kDouble), c.options),
                    ContainsSubstring("deform_conv2d: weight: expected [O, C / groups, kh, kw] "
                                      "for 8 input channels, got [6, 3, 3, 2]"));
  CHECK_THROWS_WITH(call(c.offset, c.weight, {{0, 1}, {1, 1}, {1, 2}}),
                    ContainsSubstring("deform_conv2d: stride: expected two integers in 1.."));
  CHECK_THROWS_WITH(call(c.offset.to(at::kFloat), c.weight, c.options),
                    ContainsSubstring("deform_conv2d: offset: expected the type of input"));
}
