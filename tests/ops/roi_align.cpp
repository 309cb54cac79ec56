#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "tests/catch.h"

#include "lanner/ops/roi_align.h"
#include "tests/ops/naive_roi_align.h"

using namespace lanner::ops;
using lanner::tests::NaiveRoiAlign;
using lanner::tests::random_rois;

namespace {

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace

TEST_CASE("roi_align matches the naive reference") {
  at::manual_seed(4);
  const auto input = at::rand({2, 5, 13, 17}, at::kDouble);
  const auto rois = random_rois(23, 2, 60);
  for (const bool aligned : {false, true})
    for (const int64_t ratio : {0, 1, 3}) {
      const auto expected = NaiveRoiAlign{0.25, 3, 4, ratio, aligned}(input, rois);
      const RoiAlignOptions options{0.25, 3, 4, ratio, aligned};
      CHECK(difference(roi_align(input, rois, options), expected) < 1e-10);
      CHECK(difference(roi_align(input.to(at::kFloat), rois.to(at::kFloat), options), expected) <
            1e-5);
    }
}

TEST_CASE("roi_align accepts any strides and preserves the channels-last format") {
  at::manual_seed(5);
  const auto input = at::rand({2, 6, 9, 8}, at::kDouble);
  const auto rois = random_rois(7, 2, 30);
  const RoiAlignOptions options{0.3, 2, 2, 2, true};
  const auto expected = roi_align(input, rois, options);
  CHECK(expected.is_contiguous());
  const auto channels_last =
      roi_align(input.contiguous(at::MemoryFormat::ChannelsLast), rois, options);
  CHECK(channels_last.is_contiguous(at::MemoryFormat::ChannelsLast));
  CHECK(at::equal(channels_last, expected));
  const auto transposed = input.permute({0, 1, 3, 2}).contiguous().permute({0, 1, 3, 2});
  CHECK(at::equal(roi_align(transposed, rois, options), expected));
}

TEST_CASE("roi_align accumulates 16-bit inputs in float") {
  at::manual_seed(6);
  for (const auto type : {at::kBFloat16, at::kHalf}) {
    const auto input = at::rand({1, 4, 10, 10}).to(type);
    const auto rois = random_rois(5, 1, 9).to(type);
    const RoiAlignOptions options{1.0, 2, 2, 0, false};
    const auto actual = roi_align(input, rois, options);
    CHECK(actual.scalar_type() == type);
    CHECK(difference(actual, roi_align(input.to(at::kFloat), rois.to(at::kFloat), options)) < 5e-3);
  }
}

TEST_CASE("roi_align_levels pools each RoI from its level, as it is stored, in both formats") {
  at::manual_seed(8);
  constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;
  const std::vector<double> scales{0.5, 0.25};
  const auto rois = random_rois(31, 2, 60).to(at::kFloat);
  const auto levels = at::randint(2, {31}, at::kLong);
  const auto naive = [&](const std::vector<at::Tensor>& maps) {
    auto expected = at::empty({31, maps[0].size(1), 3, 2}, at::kDouble);
    for (int64_t k = 0; k < 31; ++k) {
      const auto level = levels[k].item<int64_t>();
      expected[k] = NaiveRoiAlign{scales[level], 3, 2, 2, false}(
          maps[level].to(at::kDouble), rois[k].unsqueeze(0).to(at::kDouble))[0];
    }
    return expected;
  };
  const RoiAlignOptions options{0, 3, 2, 2, false};
  for (const int64_t channels : {16, 80, 256}) {
    std::vector<at::Tensor> maps, halves, bytes, dequantized;
    for (const int64_t side : {30, 15}) {
      maps.push_back(at::randn({2, channels, side, side + 1}).contiguous(kChannelsLast));
      halves.push_back(maps.back().to(at::kBFloat16));
      bytes.push_back(at::quantize_per_tensor(maps.back(), 0.05 * side / 15, 90, at::kQUInt8));
      dequantized.push_back(bytes.back().dequantize());
    }
    for (const auto format : {at::MemoryFormat::Contiguous, kChannelsLast}) {
      const auto pool = [&](const std::vector<at::Tensor>& from) {
        const auto pooled = roi_align_levels(from, scales, rois, levels, options, format);
        CHECK(pooled.is_contiguous(format));
        return pooled;
      };
      CHECK(difference(pool(maps), naive(maps)) < 1e-5);
      CHECK(difference(pool(bytes), naive(dequantized)) < 1e-4);
      const Affine affine{0.03, 77};
      const auto as_bytes = roi_align_levels(bytes, scales, rois, levels, options, format, affine);
      CHECK(as_bytes.is_contiguous(format));
      CHECK(as_bytes.q_zero_point() == 77);
      // Half a step, and what float adds.
      CHECK(difference(as_bytes.dequantize(),
                       naive(dequantized).clamp(-77 * 0.03, (255 - 77) * 0.03)) < 0.01501);
      const auto expected = naive(halves);
      const auto pooled = pool(halves);
      CHECK(pooled.scalar_type() == at::kBFloat16);
      CHECK(((pooled.to(at::kDouble) - expected).abs() - expected.abs() * 0x1p-8 < 1e-5)
                .all()
                .item<bool>());
    }
  }
}

TEST_CASE("roi_align_levels names the argument that does not fit") {
  const auto map = at::zeros({1, 16, 4, 4}).contiguous(at::MemoryFormat::ChannelsLast);
  const auto rois = at::zeros({1, 5}), levels = at::zeros({1}, at::kLong);
  const auto pool = [&](const at::Tensor& m, const at::Tensor& r, const at::Tensor& l) {
    return roi_align_levels({m}, {1.0}, r, l, {1.0, 2, 2}, at::MemoryFormat::Contiguous);
  };
  CHECK(pool(map, rois.slice(0, 0, 0), levels.slice(0, 0, 0)).size(0) == 0);
  CHECK_FALSE(is_roi_align_level(at::zeros({1, 8, 4, 4})));
  CHECK_THROWS_WITH(pool(at::zeros({1, 16, 4, 4}), rois, levels), ContainsSubstring("maps: "));
  CHECK_THROWS_WITH(pool(map, rois.to(at::kDouble), levels), ContainsSubstring("rois: "));
  CHECK_THROWS_WITH(pool(map, rois + 1, levels), ContainsSubstring("batch index in 0..0"));
  CHECK_THROWS_WITH(pool(map, rois, levels + 1), ContainsSubstring("levels[0]: expected 0..0"));
}

TEST_CASE("the gradient of roi_align matches finite differences and is deterministic") {
  at::manual_seed(7);
  for (const bool aligned : {false, true}) {
    const auto rois = random_rois(6, 2, 20);
    const RoiAlignOptions options{0.5, 2, 3, 0, aligned};
    const auto weight = at::rand({6, 3, 2, 3}, at::kDouble);
    const auto loss = [&](const at::Tensor& x) {
      return (roi_align(x, rois, options) * weight).sum();
    };
    auto input = at::rand({2, 3, 7, 6}, at::kDouble).set_requires_grad(true);
    const auto grad = torch::autograd::grad({loss(input)}, {input})[0];
    CHECK(at::equal(grad, torch::autograd::grad({loss(input)}, {input})[0]));
    // The operator is linear in its input, so a finite difference of any step size is exact.
    const auto base = input.detach().clone();
    double max_error = 0;
    for (int64_t i = 0; i < base.numel(); i += 5) {
      auto perturbed = base.clone();
      perturbed.view(-1)[i] += 1;
      const double derivative = (loss(perturbed) - loss(base)).item<double>();
      max_error = std::max(max_error, std::abs(derivative - grad.reshape(-1)[i].item<double>()));
    }
    CHECK(max_error < 1e-10);
  }
}

TEST_CASE("roi_align rejects second derivatives") {
  auto input = at::rand({1, 1, 4, 4}, at::kDouble).set_requires_grad(true);
  const auto rois = at::tensor({0., 0., 0., 3., 3.}, at::kDouble).view({1, 5});
  const auto loss = roi_align(input, rois, {1.0, 2, 2, 2, false}).pow(2).sum();
  const auto grad = torch::autograd::grad({loss}, {input}, {}, true, true)[0];
  CHECK_THROWS_WITH(torch::autograd::grad({grad.sum()}, {input}),
                    ContainsSubstring("second derivatives are not supported"));
}

TEST_CASE("roi_align accepts empty, infinite and NaN boxes") {
  const auto input = at::ones({1, 2, 5, 5});
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const auto rois =
      at::tensor({0.f, 2.f, 2.f, 2.f,  2.f, 0.f, -1e30f, -1e30f, 1e30f, 1e30f, 0.f,   nan, 0.f,
                  3.f, 3.f, 0.f, -inf, 0.f, inf, 4.f,    0.f,    1e30f, 0.f,   2e30f, 4.f})
          .view({5, 5});
  for (const bool aligned : {false, true}) {
    const auto out = roi_align(input, rois, {1.0, 2, 2, 0, aligned});
    CHECK(out.sizes() == at::IntArrayRef{5, 2, 2, 2});
  }
  CHECK(roi_align(input, at::zeros({0, 5}), {1.0, 2, 2, 0, false}).size(0) == 0);
  CHECK(roi_align(at::ones({0, 2, 5, 5}), at::zeros({0, 5}), {1.0, 2, 2, 0, false}).size(0) == 0);
}

TEST_CASE("roi_align rejects invalid arguments and names them") {
  const auto input = at::ones({2, 2, 5, 5}), rois = at::zeros({1, 5});
  const RoiAlignOptions options{1.0, 2, 2, 0, false};
  CHECK_THROWS_WITH(roi_align(input[0], rois, options),
                    ContainsSubstring("roi_align: input: expected [N, C, H, W], got [2, 5, 5]"));
  CHECK_THROWS_WITH(roi_align(input, at::zeros({1, 4}), options),
                    ContainsSubstring("roi_align: rois: expected [K, 5], got [1, 4]"));
  CHECK_THROWS_WITH(roi_align(input, rois.to(at::kDouble), options),
                    ContainsSubstring("roi_align: rois: expected the type of input"));
  for (const double index : {-1., 2., std::nan("")}) {
    auto bad = rois.clone();
    bad[0][0] = index;
    CHECK_THROWS_WITH(roi_align(input, bad, options),
                      ContainsSubstring("rois[0]: expected a batch index in 0..1"));
  }
  CHECK_THROWS_WITH(roi_align(input, rois, {1.0, 0, 2, 0, false}),
                    ContainsSubstring("output size: expected 1 to 1024 on each side, got 0 x 2"));
  CHECK_THROWS_WITH(roi_align(input, rois, {-1.0, 2, 2, 0, false}),
                    ContainsSubstring("spatial_scale"));
}
