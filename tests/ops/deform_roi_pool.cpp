#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "tests/catch.h"

#include "lanner/ops/cuda/deform_roi_pool_kernel.h"
#include "lanner/ops/deform_roi_pool.h"
#include "lanner/ops/roi_align.h"
#include "tests/ops/naive_roi_align.h"

using namespace lanner::ops;
using lanner::tests::random_rois;

namespace {

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

// The definition of the operator in the official DCN code, evaluated sample by sample.
at::Tensor naive_ps(const at::Tensor& input, const at::Tensor& rois, const at::Tensor& offset,
                    const DeformPsRoiPoolOptions& o) {
  const int64_t G = o.group_size, P = o.pooled_height, S = o.sample_per_part;
  const int64_t channels = input.size(1) / G / G, H = input.size(2), W = input.size(3);
  const int64_t classes = offset.size(1) / 2, part = offset.size(2);
  auto out = at::zeros({rois.size(0), channels, P, o.pooled_width}, at::kDouble);
  const auto x = input.accessor<double, 4>(), t = offset.accessor<double, 4>();
  const auto r = rois.accessor<double, 2>();
  auto y = out.accessor<double, 4>();
  for (int64_t k = 0; k < rois.size(0); ++k)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t i = 0; i < P; ++i)
        for (int64_t j = 0; j < o.pooled_width; ++j) {
          const double left = std::round(r[k][1]) * o.spatial_scale - 0.5;
          const double top = std::round(r[k][2]) * o.spatial_scale - 0.5;
          const double w = std::max((std::round(r[k][3]) + 1) * o.spatial_scale - 0.5 - left, 0.1);
          const double h = std::max((std::round(r[k][4]) + 1) * o.spatial_scale - 0.5 - top, 0.1);
          const int64_t class_index = c / (channels / classes);
          const int64_t pi = i * part / P, pj = j * part / o.pooled_width;
          const double dx = t[k][2 * class_index][pi][pj] * o.trans_std * w;
          const double dy = t[k][2 * class_index + 1][pi][pj] * o.trans_std * h;
          const int64_t gi = i * G / P, gj = j * G / o.pooled_width;
          double sum = 0, count = 0;
          for (int64_t a = 0; a < S; ++a)
            for (int64_t b = 0; b < S; ++b) {
              double py = top + (double(i) + double(a) / double(S)) * h / double(P) + dy;
              double px =
                  left + (double(j) + double(b) / double(S)) * w / double(o.pooled_width) + dx;
              if (px < -0.5 || px > double(W) - 0.5 || py < -0.5 || py > double(H) - 0.5) continue;
              px = std::clamp(px, 0., double(W - 1)), py = std::clamp(py, 0., double(H - 1));
              const auto at = [&](double row, double column) {
                return x[int64_t(r[k][0])][(c * G + gi) * G + gj][int64_t(row)][int64_t(column)];
              };
              const double fx = px - std::floor(px), fy = py - std::floor(py);
              sum += (1 - fy) * ((1 - fx) * at(std::floor(py), std::floor(px)) +
                                 fx * at(std::floor(py), std::ceil(px))) +
                     fy * ((1 - fx) * at(std::ceil(py), std::floor(px)) +
                           fx * at(std::ceil(py), std::ceil(px)));
              ++count;
            }
          y[k][c][i][j] = count > 0 ? sum / count : 0;
        }
  return out;
}

template <typename Rule>
void check_cuda_kernels(const Rule& rule, const DeformPoolShape& s, const at::Tensor& input,
                        const at::Tensor& rois, const at::Tensor& offset,
                        const at::Tensor& expected) {
  auto out = at::empty_like(expected);
  const auto data = [](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.const_data_ptr<double>() : nullptr;
  };
  const DeformPoolForward<double, double, Rule> forward{
      data(input), data(rois), data(offset), out.mutable_data_ptr<double>(), rule, s};
  for (int64_t i = 0; i < out.numel(); ++i) forward(i);
  CHECK(difference(out, expected) < 1e-12);

  const auto grad = at::rand_like(out);
  const auto expected_grads = torch::autograd::grad({expected}, {input, offset}, {grad});
  auto grad_input = at::zeros_like(input.detach()), grad_offset = at::zeros_like(offset.detach());
  const DeformPoolBackward<double, double, Rule> backward{data(grad),
                                                          data(input),
                                                          data(rois),
                                                          data(offset),
                                                          grad_input.mutable_data_ptr<double>(),
                                                          grad_offset.mutable_data_ptr<double>(),
                                                          rule,
                                                          s};
  for (int64_t i = 0; i < grad.numel(); ++i) backward(i);
  CHECK(difference(grad_input, expected_grads[0]) < 1e-12);
  CHECK(difference(grad_offset, expected_grads[1]) < 1e-12);
}

}  // namespace

TEST_CASE("deform_ps_roi_pool gives known values for a linear ramp") {
  const auto input = at::arange(64, at::kDouble).view({1, 1, 8, 8});
  const auto rois = at::tensor({0., 16., 16., 79., 79.}).view({1, 5});
  const DeformPsRoiPoolOptions options{1. / 16, 2, 2, 1, 4, 0.1};
  CHECK(difference(deform_ps_roi_pool(input, rois, {}, options),
                   at::tensor({11.25, 13.25, 27.25, 29.25}).view({1, 1, 2, 2})) < 1e-12);
  const auto offset = at::tensor({1., -1.}).view({1, 2, 1, 1}).expand({1, 2, 2, 2});
  CHECK(difference(deform_ps_roi_pool(input, rois, offset, options),
                   at::tensor({8.45, 10.45, 24.45, 26.45}).view({1, 1, 2, 2})) < 1e-12);
}

TEST_CASE(
    "deform_ps_roi_pool matches the naive reference for various numbers of classes and parts") {
  at::manual_seed(31);
  const auto input = at::randn({2, 6 * 4, 9, 11}, at::kDouble);
  const auto rois = random_rois(15, 2, 80).contiguous();
  for (const int64_t classes : {1, 2, 6})
    for (const int64_t part : {1, 2, 5}) {
      const auto offset = at::randn({15, 2 * classes, part, part}, at::kDouble);
      const DeformPsRoiPoolOptions options{1. / 8, 4, 3, 2, 3, 0.3};
      CHECK(difference(deform_ps_roi_pool(input, rois, offset, options),
                       naive_ps(input, rois, offset, options)) < 1e-10);
    }
}

TEST_CASE("deform_roi_pool without offsets matches aligned roi_align") {
  at::manual_seed(32);
  const auto input = at::randn({2, 5, 9, 11}, at::kDouble);
  const auto corner = at::rand({9, 2}, at::kDouble) * 60;
  const auto rois = at::cat({at::randint(2, {9, 1}, at::kDouble), corner,
                             corner + 4 + at::rand({9, 2}, at::kDouble) * 40},
                            1);
  for (const int64_t ratio : {0, 2}) {
    const auto expected = roi_align(input, rois, {1. / 8, 3, 2, ratio, true});
    const DeformRoiPoolOptions options{1. / 8, 3, 2, ratio, 0.1};
    CHECK(difference(deform_roi_pool(input, rois, {}, options), expected) < 1e-12);
    const auto zero = at::zeros({9, 2, 3, 2}, at::kDouble);
    CHECK(difference(deform_roi_pool(input, rois, zero, options), expected) < 1e-12);
  }
}

TEST_CASE("an offset of deform_roi_pool has the same effect as shifting the RoI") {
  at::manual_seed(33);
  const auto input = at::randn({1, 3, 20, 20}, at::kDouble);
  const auto rois = at::tensor({0., 40., 48., 104., 88.}).view({1, 5});
  auto offset = at::zeros({1, 2, 2, 2}, at::kDouble);
  offset[0][0] = 0.5, offset[0][1] = -1;  // in units of 0.25 * (64, 40) pixels
  const DeformRoiPoolOptions options{1. / 8, 2, 2, 2, 0.25};
  const auto shifted_rois = rois + at::tensor({0., 8., -10., 8., -10.});
  CHECK(difference(deform_roi_pool(input, rois, offset, options),
                   deform_roi_pool(input, shifted_rois, {}, options)) < 1e-12);
}

TEST_CASE("the CUDA kernels of the deformable RoI operators match the CPU") {
  at::manual_seed(34);
  const auto rois = random_rois(12, 2, 60).contiguous();
  const auto features = at::randn({2, 5, 9, 11}, at::kDouble).set_requires_grad(true);
  const auto roi_offsets = at::randn({12, 2, 3, 2}, at::kDouble).set_requires_grad(true);
  for (const int64_t ratio : {0, 2})
    check_cuda_kernels(DeformRoiPoolSampling{1. / 8, 0.3, ratio}, {2, 5, 9, 11, 3, 2, 1, 1, 3, 2},
                       features, rois, roi_offsets,
                       deform_roi_pool(features, rois, roi_offsets, {1. / 8, 3, 2, ratio, 0.3}));
  const auto ps_features = at::randn({2, 6 * 4, 9, 11}, at::kDouble).set_requires_grad(true);
  for (const int64_t classes : {1, 3}) {
    const auto class_offsets =
        at::randn({12, 2 * classes, 2, 2}, at::kDouble).set_requires_grad(true);
    check_cuda_kernels(
        DeformPsRoiPoolSampling{1. / 8, 0.3, 3}, {2, 6, 9, 11, 4, 3, 2, classes, 2, 2}, ps_features,
        rois, class_offsets,
        deform_ps_roi_pool(ps_features, rois, class_offsets, {1. / 8, 4, 3, 2, 3, 0.3}));
  }
}

TEST_CASE("deformable RoI operators accept empty, infinite and NaN boxes") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const auto rois = at::tensor({0.f, 2.f, 2.f, 2.f, 2.f, 0.f, -1e30f, -1e30f, 1e30f, 1e30f,
                                0.f, nan, 0.f, 3.f, 3.f, 0.f, -inf,   0.f,    inf,   4.f})
                        .view({4, 5});
  const auto offset = at::randn({4, 2, 2, 2});
  const auto input = at::ones({1, 4, 5, 5});
  CHECK(deform_roi_pool(input, rois, offset, {1.0, 2, 2, 0, 0.1})[0].isfinite().all().item<bool>());
  CHECK(deform_ps_roi_pool(input, rois, offset, {1.0, 2, 2, 2, 4, 0.1})
            .isfinite()
            .all()
            .item<bool>());
  CHECK(deform_roi_pool(input, at::zeros({0, 5}), at::zeros({0, 2, 2, 2}), {1.0, 2, 2, 0, 0.1})
            .size(0) == 0);
}

TEST_CASE("deformable RoI operators reject invalid arguments and name them") {
  const auto input = at::ones({1, 8, 5, 5}), rois = at::zeros({3, 5});
  CHECK_THROWS_WITH(deform_roi_pool(input, rois, at::zeros({3, 2, 2, 3}), {1.0, 2, 2, 0, 0.1}),
                    ContainsSubstring("deform_roi_pool: offset: expected [3, 2, 2, 2], got "
                                      "[3, 2, 2, 3]"));
  CHECK_THROWS_WITH(deform_ps_roi_pool(input, rois, {}, {1.0, 2, 2, 3, 4, 0.1}),
                    ContainsSubstring("deform_ps_roi_pool: input: expected a number of "
                                      "channels divisible by group_size squared, 9, got 8"));
  CHECK_THROWS_WITH(
      deform_ps_roi_pool(input, rois, at::zeros({3, 6, 2, 2}), {1.0, 2, 2, 1, 4, 0.1}),
      ContainsSubstring("deform_ps_roi_pool: offset: 3 classes do not divide 8 output channels"));
}
