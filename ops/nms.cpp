#include "lanner/ops/nms.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/_unique.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/nonzero.h>
#include <torch/library.h>

#include "lanner/ops/checks.h"

namespace lanner::ops {

at::Tensor nms(const at::Tensor& boxes, const at::Tensor& scores, double iou_threshold) {
  static auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("lanner::nms", "").typed<decltype(nms)>();
  return op.call(boxes, scores, iou_threshold);
}

at::Tensor batched_nms(const at::Tensor& boxes, const at::Tensor& scores, const at::Tensor& classes,
                       double iou_threshold) {
  check_nms("batched_nms", boxes, scores);
  TORCH_CHECK(
      classes.dim() == 1 && classes.size(0) == boxes.size(0) && classes.device() == boxes.device(),
      "batched_nms: classes: expected [", boxes.size(0), "] on ", boxes.device(), ", got ",
      classes.sizes(), " on ", classes.device());
  if (boxes.numel() == 0) return at::empty({0}, boxes.options().dtype(at::kLong));
  // Shifted by their class, boxes would lose their digits in sixteen bits.
  if (boxes.scalar_type() == at::kHalf || boxes.scalar_type() == at::kBFloat16)
    return batched_nms(boxes.to(at::kFloat), scores.to(at::kFloat), classes, iou_threshold);
  if (boxes.numel() <= (boxes.is_cuda() ? 100000 : 4000)) {
    const auto shift = classes.to(boxes.options()) * (boxes.max() + 1);
    return nms(boxes + shift.unsqueeze(1), scores, iou_threshold);
  }
  std::vector<at::Tensor> kept;
  const auto class_ids = std::get<0>(at::_unique(classes));
  for (int64_t i = 0; i < class_ids.numel(); ++i) {
    const auto members = at::nonzero(classes == class_ids[i]).squeeze(1);
    kept.push_back(members.index_select(
        0, nms(boxes.index_select(0, members), scores.index_select(0, members), iou_threshold)));
  }
  // The stable sort keeps boxes of equal score in input order on every device.
  const auto kept_indices = std::get<0>(at::cat(kept).sort());
  const auto order = std::get<1>(scores.index_select(0, kept_indices).sort(true, 0, true));
  return kept_indices.index_select(0, order);
}

namespace {

template <c10::DispatchKey key>
at::Tensor autocast(const at::Tensor& boxes, const at::Tensor& scores, double iou_threshold) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(key);
  return nms(at::autocast::cached_cast(at::kFloat, boxes, boxes.device().type()),
             at::autocast::cached_cast(at::kFloat, scores, scores.device().type()), iou_threshold);
}

TORCH_LIBRARY_FRAGMENT(lanner, m) {
  m.def("nms(Tensor boxes, Tensor scores, float iou_threshold) -> Tensor");
  m.def("batched_nms(Tensor boxes, Tensor scores, Tensor classes, float iou_threshold) -> Tensor");
}
TORCH_LIBRARY_IMPL(lanner, CPU, m) { m.impl("batched_nms", batched_nms); }
TORCH_LIBRARY_IMPL(lanner, CUDA, m) { m.impl("batched_nms", batched_nms); }
TORCH_LIBRARY_IMPL(lanner, AutocastCPU, m) {
  m.impl("nms", autocast<c10::DispatchKey::AutocastCPU>);
}
TORCH_LIBRARY_IMPL(lanner, AutocastCUDA, m) {
  m.impl("nms", autocast<c10::DispatchKey::AutocastCUDA>);
}

}  // namespace
}  // namespace lanner::ops
