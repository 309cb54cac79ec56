// Runs the bodies of the CUDA kernels on the host, over every index, and compares them with the CPU
// operators.
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

// Must run before torch first checks for a GPU, because torch caches the answer.
[[maybe_unused]] const bool loaded = has_cuda() && (load_cuda(), true);

}  // namespace

TEST_CASE("the CUDA kernels of roi_align match the CPU, forward and backward") {
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
      const auto expected_grad = torch::autograd::grad({expected}, {input}, {grad})[0];
      auto actual_grad = at::zeros_like(input.detach());
      const RoiAlignBackward<double, double> backward{
          grad.const_data_ptr<double>(), rois.const_data_ptr<double>(),
          actual_grad.mutable_data_ptr<double>(), 0.25, shape};
      for (int64_t i = 0; i < grad.numel(); ++i) backward(i);
      CHECK((actual_grad - expected_grad).abs().max().item<double>() < 1e-12);
    }
}

TEST_CASE("the CUDA kernel of roi_align gives 0 for a batch index out of range") {
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

TEST_CASE("the CUDA kernels of nms keep the same boxes as the CPU") {
  at::manual_seed(9);
  for (const int64_t count : {1, 64, 65, 300}) {
    const auto corner = at::rand({count, 2}) * 50;
    const auto boxes = at::cat({corner, corner + 1 + at::rand({count, 2}) * 40}, 1).contiguous();
    const auto scores = at::rand({count});
    const auto order = std::get<1>(scores.sort(0, true));
    const auto sorted = boxes.index_select(0, order).contiguous();
    const int64_t columns = (count + 63) / 64;
    std::vector<uint64_t> masks(count * columns), suppressed(columns);
    const NmsMasks<float> kernel{sorted.const_data_ptr<float>(), masks.data(), count, 0.5f};
    for (int64_t i = 0; i < count * columns; ++i) kernel(i);
    std::vector<int64_t> kept;
    for (int64_t first = 0; first < count; first += 64) {
      const int64_t group_size = std::min<int64_t>(64, count - first);
      uint64_t diagonal[64];
      for (int64_t i = 0; i < group_size; ++i)
        diagonal[i] = masks[(first + i) * columns + first / 64];
      const uint64_t keep = nms_keep_mask(suppressed[first / 64], diagonal, group_size);
      for (int64_t i = 0; i < group_size; ++i)
        if (keep >> i & 1) kept.push_back(order[first + i].item<int64_t>());
      for (int64_t thread = 0; thread < 4; ++thread)
        nms_suppress_later(suppressed.data(), masks.data(), columns, first, keep, thread, 4);
    }
    const auto expected = nms(boxes, scores, 0.5);
    CHECK(kept == std::vector<int64_t>(expected.const_data_ptr<int64_t>(),
                                       expected.const_data_ptr<int64_t>() + expected.numel()));
  }
}

TEST_CASE("the operators give the same results on CUDA and on the CPU, forward and backward",
          "[cuda]") {
  if (!at::hasCUDA()) {
    WARN("skipped: no CUDA operators or no GPU");
    return;
  }
  at::manual_seed(10);
  const auto rois = random_rois(30, 2, 70).to(at::kFloat);
  const auto on_device_of = [](const at::Tensor& like, const at::Tensor& tensor) {
    return tensor.to(like.device());
  };
  using Tensors = std::vector<at::Tensor>;
  const auto input = at::rand({2, 8, 20, 20}), offset = at::randn({30, 2, 2, 2});
  const std::vector<std::pair<Tensors, std::function<at::Tensor(const Tensors&)>>> calls{
      {{input},
       [&](const Tensors& t) {
         return roi_align(t[0], on_device_of(t[0], rois), {0.25, 7, 7, 2, false});
       }},
      {{input},
       [&](const Tensors& t) {
         return roi_pool(t[0], on_device_of(t[0], rois), {0.25, 7, 7});
       }},
      {{input},
       [&](const Tensors& t) {
         return ps_roi_pool(t[0], on_device_of(t[0], rois), {0.25, 2, 2, false});
       }},
      {{input},
       [&](const Tensors& t) {
         return ps_roi_align(t[0], on_device_of(t[0], rois), {0.25, 2, 2, 2});
       }},
      {{input, offset},
       [&](const Tensors& t) {
         return deform_roi_pool(t[0], on_device_of(t[0], rois), t[1], {0.25, 2, 2, 2, 0.1});
       }},
      {{input, offset},
       [&](const Tensors& t) {
         return deform_ps_roi_pool(t[0], on_device_of(t[0], rois), t[1], {0.25, 2, 2, 2, 4, 0.1});
       }},
      {{input, at::randn({2, 36, 20, 20}), at::randn({6, 4, 3, 3}), at::rand({2, 18, 20, 20})},
       [&](const Tensors& t) {
         return deform_conv2d(t[0], t[1], t[2], {}, t[3], {{1, 1}, {1, 1}, {1, 1}});
       }}};
  for (const auto& [tensors, call] : calls) {
    Tensors cpu_tensors, cuda_tensors;
    for (const auto& tensor : tensors) {
      cpu_tensors.push_back(tensor.clone().set_requires_grad(true));
      cuda_tensors.push_back(tensor.cuda().set_requires_grad(true));
    }
    const auto expected = call(cpu_tensors), actual = call(cuda_tensors);
    CHECK((actual.cpu() - expected).abs().max().item<float>() < 1e-4);
    const auto grad = at::randn_like(expected);
    const auto expected_grads = torch::autograd::grad({expected}, cpu_tensors, {grad});
    const auto actual_grads = torch::autograd::grad({actual}, cuda_tensors, {grad.cuda()});
    for (size_t i = 0; i < actual_grads.size(); ++i)
      CHECK((actual_grads[i].cpu() - expected_grads[i]).abs().max().item<float>() < 1e-3);
  }
  const auto boxes = rois.slice(1, 1, 5).contiguous(), scores = at::rand({30});
  CHECK(at::equal(nms(boxes.cuda(), scores.cuda(), 0.5).cpu(), nms(boxes, scores, 0.5)));
  CHECK(at::equal(std::get<0>(soft_nms(boxes.cuda(), scores.cuda(), {})).cpu(),
                  std::get<0>(soft_nms(boxes, scores, {}))));
}
