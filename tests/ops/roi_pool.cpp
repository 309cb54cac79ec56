#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "tests/catch.h"

#include "lanner/ops/cuda/roi_pool_kernel.h"
#include "lanner/ops/roi_pool.h"
#include "tests/ops/naive_roi_align.h"

using namespace lanner::ops;
using lanner::tests::random_rois;

TEST_CASE("roi_pool gives the maximum of each bin and 0 for an empty bin") {
  const auto input = at::arange(16, at::kDouble).view({1, 1, 4, 4});
  const auto rois = at::tensor({0., 0., 0., 3., 3., 0., 9., 9., 12., 12.}).view({2, 5});
  const auto out = roi_pool(input, rois, {1.0, 2, 2});
  CHECK(at::equal(out[0][0], at::tensor({5., 7., 13., 15.}).view({2, 2})));
  CHECK((out[1] == 0).all().item<bool>());
}

TEST_CASE("roi_pool never selects NaN") {
  const auto input = at::full({1, 1, 2, 2}, std::nan(""));
  const auto rois = at::tensor({0.f, 0.f, 0.f, 1.f, 1.f}).view({1, 5});
  CHECK(roi_pool(input.to(at::kFloat), rois, {1.0, 1, 1}).item<float>() == -FLT_MAX);
}

TEST_CASE("the CUDA kernels of roi_pool match the CPU, forward and backward") {
  at::manual_seed(13);
  const auto input = at::rand({2, 4, 11, 9}, at::kDouble).set_requires_grad(true);
  const auto rois = random_rois(12, 2, 40).contiguous();
  const auto expected = roi_pool(input, rois, {0.25, 3, 2});
  const RoiPoolShape shape{2, 4, 11, 9, 3, 2};
  auto out = at::empty({12, 4, 3, 2}, at::kDouble);
  auto argmax = at::empty({12, 4, 3, 2}, at::kInt);
  const RoiPoolForward<double, double> forward{input.const_data_ptr<double>(),
                                               rois.const_data_ptr<double>(),
                                               out.mutable_data_ptr<double>(),
                                               argmax.mutable_data_ptr<int32_t>(),
                                               0.25,
                                               shape};
  for (int64_t i = 0; i < out.numel(); ++i) forward(i);
  CHECK(at::equal(out, expected.detach()));
  const auto grad = at::rand_like(out);
  const auto expected_grad = torch::autograd::grad({expected}, {input}, {grad})[0];
  auto actual_grad = at::zeros_like(input.detach());
  const RoiPoolBackward<double> backward{
      grad.const_data_ptr<double>(), rois.const_data_ptr<double>(),
      argmax.const_data_ptr<int32_t>(), actual_grad.mutable_data_ptr<double>(), shape};
  for (int64_t i = 0; i < grad.numel(); ++i) backward(i);
  CHECK((actual_grad - expected_grad).abs().max().item<double>() < 1e-12);
}

TEST_CASE("roi_pool accepts empty, infinite and NaN boxes and rejects invalid arguments") {
  const auto input = at::ones({1, 2, 5, 5});
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const auto rois = at::tensor({0.f, 2.f, 2.f, 2.f, 2.f, 0.f, -1e30f, -1e30f, 1e30f, 1e30f,
                                0.f, nan, 0.f, 3.f, 3.f, 0.f, -inf,   0.f,    inf,   4.f})
                        .view({4, 5});
  CHECK(roi_pool(input, rois, {1.0, 2, 2}).sizes() == at::IntArrayRef{4, 2, 2, 2});
  CHECK(roi_pool(input, at::zeros({0, 5}), {1.0, 2, 2}).size(0) == 0);
  CHECK_THROWS_WITH(roi_pool(input, at::full({1, 5}, 2.f), {1.0, 2, 2}),
                    ContainsSubstring("roi_pool: rois[0]: expected a batch index in 0..0, got 2"));
  CHECK_THROWS_WITH(roi_pool(input, at::zeros({1, 4}), {1.0, 2, 2}),
                    ContainsSubstring("roi_pool: rois: expected [K, 5], got [1, 4]"));
}
