// The bodies of the CUDA kernels, run on the host over every index, against the CPU operators.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "tests/catch.h"

#include <functional>

#include "lanner/ops/cuda.h"
#include "lanner/ops/cuda/nms_kernel.h"
#include "lanner/ops/cuda/roi_align_kernel.h"
#include "lanner/ops/deform_conv2d.h"
#include "lanner/ops/deform_roi_pool.h"
#include "lanner/ops/nms.h"
#include "lanner/ops/ps_roi_align.h"
#include "lanner/ops/ps_roi_pool.h"
#include "lanner/ops/roi_align.h"
#include "lanner/ops/roi_pool.h"
#include "lanner/ops/soft_nms.h"
#include "tests/ops/naive_roi_align.h"

using namespace lanner::ops;
using lanner::tests::random_rois;

namespace {

// Before anything asks torch for a GPU: its answer is kept for the life of the process.
[[maybe_unused]] const bool loaded = has_cuda() && (load_cuda(), true);

}  // namespace

TEST_CASE("the CUDA bodies of roi_align agree with the CPU, forward and backward") {
  at::manual_seed(8);
  const auto input = at::rand({2, 4, 11, 9}, at::kDouble).set_requires_grad(true);
  const auto rois = random_rois(12, 2, 40).contiguous();
  for (const bool aligned : {false, true})
    for (const int64_t ratio : {0, 2}) {
      const auto expected = roi_align(input, rois, {0.25, 3, 2, ratio, aligned});
      const RoiAlignShape shape{2, 4, 11, 9, 3, 2, ratio, aligned};
      auto out = at::empty({12, 4, 3, 2}, at::kDouble);
      const RoiAlignForward<double, double> forward{input.const_data_ptr<double>(),
                                                    rois.const_data_ptr<double>(),
                                                    out.mutable_data_ptr<double>(), 0.25, shape};
      for (int64_t i = 0; i < out.numel(); ++i) forward(i);
      CHECK((out - expected).abs().max().item<double>() < 1e-12);

      const auto grad = at::rand_like(out);
      const auto wanted = torch::autograd::grad({expected}, {input}, {grad})[0];
      auto found = at::zeros_like(input.detach());
      const RoiAlignBackward<double, double> backward{
          grad.const_data_ptr<double>(), rois.const_data_ptr<double>(),
          found.mutable_data_ptr<double>(), 0.25, shape};
      for (int64_t i = 0; i < grad.numel(); ++i) backward(i);
      CHECK((found - wanted).abs().max().item<double>() < 1e-12);
    }
}

TEST_CASE("the CUDA body of roi_align reads nothing for a batch index out of range") {
  const auto input = at::ones({1, 1, 4, 4});
  const auto rois = at::tensor({7.f, 0.f, 0.f, 3.f, 3.f}).view({1, 5});
  auto out = at::full({1, 1, 1, 1}, 5.f);
  RoiAlignForward<float, float>{input.const_data_ptr<float>(),
                                rois.const_data_ptr<float>(),
                                out.mutable_data_ptr<float>(),
                                1.f,
                                {1, 1, 4, 4, 1, 1, 2, false}}(0);
  CHECK(out.item<float>() == 0);
}

TEST_CASE("the CUDA bodies of nms choose as the CPU does") {
  at::manual_seed(9);
  for (const int64_t count : {1, 64, 65, 300}) {
    const auto corner = at::rand({count, 2}) * 50;
    const auto boxes = at::cat({corner, corner + 1 + at::rand({count, 2}) * 40}, 1).contiguous();
    const auto scores = at::rand({count});
    const auto order = std::get<1>(scores.sort(0, true));
    const auto sorted = boxes.index_select(0, order).contiguous();
    const int64_t columns = (count + 63) / 64;
    std::vector<uint64_t> words(count * columns), struck(columns);
    const NmsWords<float> body{sorted.const_data_ptr<float>(), words.data(), count, 0.5f};
    for (int64_t i = 0; i < count * columns; ++i) body(i);
    std::vector<int64_t> kept;
    for (int64_t first = 0; first < count; first += 64) {
      const int64_t here = std::min<int64_t>(64, count - first);
      uint64_t diagonal[64];
      for (int64_t i = 0; i < here; ++i) diagonal[i] = words[(first + i) * columns + first / 64];
      const uint64_t stay = nms_kept(struck[first / 64], diagonal, here);
      for (int64_t i = 0; i < here; ++i)
        if (stay >> i & 1) kept.push_back(order[first + i].item<int64_t>());
      for (int64_t thread = 0; thread < 4; ++thread)
        nms_strike(struck.data(), words.data(), columns, first, stay, thread, 4);
    }
    const auto expected = nms(boxes, scores, 0.5);
    CHECK(kept == std::vector<int64_t>(expected.const_data_ptr<int64_t>(),
                                       expected.const_data_ptr<int64_t>() + expected.numel()));
  }
}

TEST_CASE("CUDA tensors give the CPU's results, forward and backward", "[cuda]") {
  if (!at::hasCUDA()) {
    WARN("skipped: no CUDA operators, or no GPU here");
    return;
  }
  at::manual_seed(10);
  const auto rois = random_rois(30, 2, 70).to(at::kFloat);
  const auto on = [](const at::Tensor& like, const at::Tensor& tensor) {
    return tensor.to(like.device());
  };
  using Tensors = std::vector<at::Tensor>;
  const auto input = at::rand({2, 8, 20, 20}), offset = at::randn({30, 2, 2, 2});
  const std::vector<std::pair<Tensors, std::function<at::Tensor(const Tensors&)>>> calls{
      {{input},
       [&](const Tensors& t) {
         return roi_align(t[0], on(t[0], rois), {0.25, 7, 7, 2, false});
       }},
      {{input},
       [&](const Tensors& t) {
         return roi_pool(t[0], on(t[0], rois), {0.25, 7, 7});
       }},
      {{input},
       [&](const Tensors& t) {
         return ps_roi_pool(t[0], on(t[0], rois), {0.25, 2, 2, false});
       }},
      {{input},
       [&](const Tensors& t) {
         return ps_roi_align(t[0], on(t[0], rois), {0.25, 2, 2, 2});
       }},
      {{input, offset},
       [&](const Tensors& t) {
         return deform_roi_pool(t[0], on(t[0], rois), t[1], {0.25, 2, 2, 2, 0.1});
       }},
      {{input, offset},
       [&](const Tensors& t) {
         return deform_ps_roi_pool(t[0], on(t[0], rois), t[1], {0.25, 2, 2, 2, 4, 0.1});
       }},
      {{input, at::randn({2, 36, 20, 20}), at::randn({6, 4, 3, 3}), at::rand({2, 18, 20, 20})},
       [&](const Tensors& t) {
         return deform_conv2d(t[0], t[1], t[2], {}, t[3], {{1, 1}, {1, 1}, {1, 1}});
       }}};
  for (const auto& [tensors, call] : calls) {
    Tensors here, there;
    for (const auto& tensor : tensors) {
      here.push_back(tensor.clone().set_requires_grad(true));
      there.push_back(tensor.cuda().set_requires_grad(true));
    }
    const auto expected = call(here), found = call(there);
    CHECK((found.cpu() - expected).abs().max().item<float>() < 1e-4);
    const auto grad = at::randn_like(expected);
    const auto wanted = torch::autograd::grad({expected}, here, {grad});
    const auto grads = torch::autograd::grad({found}, there, {grad.cuda()});
    for (size_t i = 0; i < grads.size(); ++i)
      CHECK((grads[i].cpu() - wanted[i]).abs().max().item<float>() < 1e-3);
  }
  const auto boxes = rois.slice(1, 1, 5).contiguous(), scores = at::rand({30});
  CHECK(at::equal(nms(boxes.cuda(), scores.cuda(), 0.5).cpu(), nms(boxes, scores, 0.5)));
  CHECK(at::equal(std::get<0>(soft_nms(boxes.cuda(), scores.cuda(), {})).cpu(),
                  std::get<0>(soft_nms(boxes, scores, {}))));
}
