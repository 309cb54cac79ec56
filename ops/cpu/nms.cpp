#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "lanner/ops/checks.h"
#include "lanner/ops/cpu/kept_boxes.h"
#include "lanner/ops/cpu/order.h"
#include "lanner/ops/iou.h"

namespace lanner::ops {
namespace {

// The bound that an IoU of type T must exceed. torchvision compares in double.
template <typename T>
T bound_of(double threshold) {
  const T bound = static_cast<T>(threshold);
  return static_cast<double>(bound) > threshold
             ? std::nextafter(bound, -std::numeric_limits<T>::infinity())
             : bound;
}

// Whether the search by size and position is valid for each box. It is not if the box is tiny
// compared with its distance from the origin, if its area is close to underflow, or if its area is
// not finite.
template <typename T>
std::vector<uint8_t> is_regular(const T* boxes, int64_t count) {
  std::vector<uint8_t> result(count);
  for (int64_t i = 0; i < count; ++i) {
    const T* b = boxes + i * 4;
    const T width = b[2] - b[0], height = b[3] - b[1], area = width * height;
    T max_coordinate = 0;
    for (int side = 0; side < 4; ++side)
      max_coordinate = std::abs(b[side]) > max_coordinate ? std::abs(b[side]) : max_coordinate;
    const T longer_side = width > height ? width : height;
    result[i] = (width > 0) & (height > 0) & (area > T(1e-25)) &
                (area <= std::numeric_limits<T>::max()) & (longer_side > max_coordinate * T(1e-6));
  }
  return result;
}

template <typename T>
std::vector<int64_t> select_boxes(const T* boxes, const std::vector<int64_t>& order,
                                  double threshold) {
  const auto count = static_cast<int64_t>(order.size());
  const auto regular = is_regular(boxes, count);
  // irregular: the kept boxes that are not regular.
  std::vector<int64_t> kept, irregular;
  KeptBoxes<T> regular_boxes(count, bound_of<T>(threshold));
  const auto suppressed_by = [&](const std::vector<int64_t>& candidates, int64_t i) {
    return std::any_of(candidates.begin(), candidates.end(), [&](int64_t k) {
      return iou_above(boxes + 4 * k, boxes + 4 * i, threshold);
    });
  };
  for (const int64_t i : order) {
    const T* b = boxes + i * 4;
    const T width = b[2] - b[0], height = b[3] - b[1], area = width * height;
    if (!(threshold >= 0)) {  // boxes that do not overlap may suppress each other
      if (suppressed_by(kept, i)) continue;
    } else if (regular[i]) {
      const T box[5] = {b[0], b[1], b[2], b[3], area};
      if (regular_boxes.suppress(box) || (!irregular.empty() && suppressed_by(irregular, i)))
        continue;
      regular_boxes.add(box);
    } else if (width > 0 && height > 0 && std::isfinite(area)) {
      if (suppressed_by(kept, i)) continue;
      irregular.push_back(i);
    }  // otherwise its IoUs are 0 or NaN, so it neither suppresses nor is suppressed
    kept.push_back(i);
  }
  return kept;
}

at::Tensor nms_cpu(const at::Tensor& boxes, const at::Tensor& scores, double iou_threshold) {
  check_nms("nms", boxes, scores);
  const auto type = boxes.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto b = boxes.to(type).contiguous(), s = scores.to(type).contiguous();
  const auto run = [&]<typename T>(T) {
    return select_boxes(b.const_data_ptr<T>(), descending_order(s.const_data_ptr<T>(), s.numel()),
                        iou_threshold);
  };
  const auto kept = type == at::kDouble ? run(0.0) : run(0.0f);
  auto result = at::empty({static_cast<int64_t>(kept.size())}, boxes.options().dtype(at::kLong));
  std::copy(kept.begin(), kept.end(), result.mutable_data_ptr<int64_t>());
  return result;
}

TORCH_LIBRARY_IMPL(lanner, CPU, m) { m.impl("nms", nms_cpu); }

}  // namespace
}  // namespace lanner::ops
