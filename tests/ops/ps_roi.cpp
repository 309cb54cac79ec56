#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "tests/catch.h"

#include "lanner/ops/cuda/ps_roi_kernel.h"
#include "lanner/ops/ps_roi_align.h"
#include "lanner/ops/ps_roi_pool.h"
#include "tests/ops/naive_roi_align.h"

using namespace lanner::ops;
using lanner::tests::random_rois;

namespace {

// The rule of the official R-FCN code (original = true), evaluated bin by bin in double precision.
at::Tensor naive_original(const at::Tensor& input, const at::Tensor& rois, double scale,
                          int64_t P) {
  const int64_t classes = input.size(1) / (P * P), H = input.size(2), W = input.size(3);
  auto out = at::zeros({rois.size(0), classes, P, P}, at::kDouble);
  for (int64_t k = 0; k < rois.size(0); ++k) {
    const auto rounded = [&](int i) { return std::round(rois[k][i].item<double>()); };
    const double x1 = rounded(1) * scale, y1 = rounded(2) * scale;
    const double w = std::max((rounded(3) + 1) * scale - x1, 0.1);
    const double h = std::max((rounded(4) + 1) * scale - y1, 0.1);
    for (int64_t i = 0; i < P; ++i)
      for (int64_t j = 0; j < P; ++j) {
        const auto clip_index = [](double v, int64_t limit) {
          return static_cast<int64_t>(std::clamp<double>(v, 0, static_cast<double>(limit)));
        };
        const double p = static_cast<double>(P), di = static_cast<double>(i),
                     dj = static_cast<double>(j);
        const int64_t top = clip_index(std::floor(di * (h / p) + y1), H);
        const int64_t bottom = clip_index(std::ceil((di + 1) * (h / p) + y1), H);
        const int64_t left = clip_index(std::floor(dj * (w / p) + x1), W);
        const int64_t right = clip_index(std::ceil((dj + 1) * (w / p) + x1), W);
        if (top >= bottom || left >= right) continue;
        for (int64_t c = 0; c < classes; ++c)
          out[k][c][i][j] = input[rois[k][0].item<int64_t>()][(c * P + i) * P + j]
                                .slice(0, top, bottom)
                                .slice(1, left, right)
                                .mean();
      }
  }
  return out;
}

template <typename Rule>
void check_cuda_kernels(const Rule& rule, const at::Tensor& input, const at::Tensor& rois,
                        const at::Tensor& expected) {
  const PsShape shape{2, 3, 9, 11, 2, 2};
  auto out = at::empty_like(expected);
  const PsRoiForward<double, double, Rule> forward{input.const_data_ptr<double>(),
                                                   rois.const_data_ptr<double>(),
                                                   out.mutable_data_ptr<double>(),
                                                   0.25,
                                                   rule,
                                                   shape};
  for (int64_t i = 0; i < out.numel(); ++i) forward(i);
  CHECK((out - expected).abs().max().item<double>() < 1e-12);
  const auto grad = at::rand_like(out);
  const auto expected_grad = torch::autograd::grad({expected}, {input}, {grad})[0];
  auto actual_grad = at::zeros_like(input.detach());
  const PsRoiBackward<double, double, Rule> backward{grad.const_data_ptr<double>(),
                                                     rois.const_data_ptr<double>(),
                                                     actual_grad.mutable_data_ptr<double>(),
                                                     0.25,
                                                     rule,
                                                     shape};
  for (int64_t i = 0; i < grad.numel(); ++i) backward(i);
  CHECK((actual_grad - expected_grad).abs().max().item<double>() < 1e-12);
}

}  // namespace

TEST_CASE("ps_roi_pool with original = true matches the naive reference") {
  at::manual_seed(11);
  const auto input = at::rand({2, 3 * 9, 8, 10}, at::kDouble);
  const auto rois = random_rois(15, 2, 40);
  const auto actual = ps_roi_pool(input, rois, {0.25, 3, 3, true});
  CHECK((actual - naive_original(input, rois, 0.25, 3)).abs().max().item<double>() < 1e-10);
}

TEST_CASE("the CUDA kernels of the position-sensitive operators match the CPU") {
  at::manual_seed(12);
  const auto input = at::rand({2, 3 * 4, 9, 11}, at::kDouble).set_requires_grad(true);
  const auto rois = random_rois(12, 2, 40).contiguous();
  for (const bool original : {false, true})
    check_cuda_kernels(PsRoiPoolSampling{original}, input, rois,
                       ps_roi_pool(input, rois, {0.25, 2, 2, original}));
  for (const int64_t ratio : {0, 2})
    check_cuda_kernels(PsRoiAlignSampling{ratio}, input, rois,
                       ps_roi_align(input, rois, {0.25, 2, 2, ratio}));
}

TEST_CASE("position-sensitive operators accept empty, infinite and NaN boxes") {
  const auto input = at::ones({1, 8, 5, 5});
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const auto rois = at::tensor({0.f, 2.f, 2.f, 2.f, 2.f, 0.f, -1e30f, -1e30f, 1e30f, 1e30f,
                                0.f, nan, 0.f, 3.f, 3.f, 0.f, -inf,   0.f,    inf,   4.f})
                        .view({4, 5});
  for (const bool original : {false, true})
    CHECK(ps_roi_pool(input, rois, {1.0, 2, 2, original}).isfinite().all().item<bool>());
  CHECK(ps_roi_align(input, rois, {1.0, 2, 2, 0})[0].isfinite().all().item<bool>());
  CHECK(ps_roi_pool(input, at::zeros({0, 5}), {1.0, 2, 2, false}).size(0) == 0);
}

TEST_CASE("position-sensitive operators reject invalid arguments and name them") {
  const auto rois = at::zeros({1, 5});
  CHECK_THROWS_WITH(ps_roi_pool(at::ones({1, 9, 5, 5}), rois, {1.0, 2, 2, false}),
                    ContainsSubstring("ps_roi_pool: input: expected a number of channels "
                                      "divisible by 2 x 2 bins, got 9"));
  CHECK_THROWS_WITH(
      ps_roi_align(at::ones({1, 8, 5, 5}), rois + 3, {1.0, 2, 2, 0}),
      ContainsSubstring("ps_roi_align: rois[0]: expected a batch index in 0..0, got 3"));
  CHECK_THROWS_WITH(ps_roi_pool(at::ones({1, 8, 5, 5}), rois, {1.0, 0, 2, false}),
                    ContainsSubstring("ps_roi_pool: output size"));
}
