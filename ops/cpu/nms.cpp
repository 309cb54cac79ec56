#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <torch/library.h>

#include <vector>

#include "lanner/ops/checks.h"
#include "lanner/ops/vectorised.h"

namespace lanner::ops {
namespace {

// Boxes by descending score, a coordinate an array, so that the inner loop is one of vectors.
template <typename T>
struct Columns {
  std::vector<T> x1, y1, x2, y2, area;

  Columns(const T* boxes, const int64_t* order, int64_t count)
      : x1(count), y1(count), x2(count), y2(count), area(count) {
    for (int64_t i = 0; i < count; ++i) {
      const T* box = boxes + order[i] * 4;
      x1[i] = box[0], y1[i] = box[1], x2[i] = box[2], y2[i] = box[3];
      area[i] = (x2[i] - x1[i]) * (y2[i] - y1[i]);
    }
  }
};

// Marks the boxes after `kept` that it suppresses. The IoU is compared in double, as torchvision
// does on a CPU.
#define LANNER_SUPPRESS(T)                                                              \
  LANNER_VECTORISED void suppress(const Columns<T>& b, int64_t kept, double threshold,  \
                                  uint8_t* suppressed, int64_t count) {                 \
    const T kx1 = b.x1[kept], ky1 = b.y1[kept], kx2 = b.x2[kept], ky2 = b.y2[kept];     \
    const T area = b.area[kept];                                                        \
    const T *x1 = b.x1.data(), *y1 = b.y1.data(), *x2 = b.x2.data(), *y2 = b.y2.data(); \
    const T* areas = b.area.data();                                                     \
    for (int64_t j = kept + 1; j < count; ++j) {                                        \
      const T left = kx1 > x1[j] ? kx1 : x1[j], top = ky1 > y1[j] ? ky1 : y1[j];        \
      const T right = kx2 < x2[j] ? kx2 : x2[j], bottom = ky2 < y2[j] ? ky2 : y2[j];    \
      const T width = right - left > 0 ? right - left : 0;                              \
      const T height = bottom - top > 0 ? bottom - top : 0;                             \
      const T overlap = width * height;                                                 \
      const T iou = overlap / (area + areas[j] - overlap);                              \
      suppressed[j] |= static_cast<double>(iou) > threshold;                            \
    }                                                                                   \
  }
LANNER_SUPPRESS(float)
LANNER_SUPPRESS(double)
#undef LANNER_SUPPRESS

template <typename T>
std::vector<int64_t> keep(const T* boxes, const int64_t* order, int64_t count, double threshold) {
  const Columns<T> columns(boxes, order, count);
  std::vector<uint8_t> suppressed(count);
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < count; ++i) {
    if (suppressed[i]) continue;
    kept.push_back(order[i]);
    suppress(columns, i, threshold, suppressed.data(), count);
  }
  return kept;
}

at::Tensor nms_cpu(const at::Tensor& boxes, const at::Tensor& scores, double iou_threshold) {
  check_nms(boxes, scores);
  const auto type = boxes.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto contiguous = boxes.to(type).contiguous();
  const auto order = std::get<1>(scores.sort(/*stable=*/true, 0, /*descending=*/true)).contiguous();
  const auto* indices = order.const_data_ptr<int64_t>();
  auto kept = type == at::kDouble
                  ? keep(contiguous.const_data_ptr<double>(), indices, boxes.size(0), iou_threshold)
                  : keep(contiguous.const_data_ptr<float>(), indices, boxes.size(0), iou_threshold);
  return at::from_blob(kept.data(), {static_cast<int64_t>(kept.size())}, order.options()).clone();
}

TORCH_LIBRARY_IMPL(lanner, CPU, m) { m.impl("nms", nms_cpu); }

}  // namespace
}  // namespace lanner::ops
