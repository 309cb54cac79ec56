#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "lanner/ops/checks.h"
#include "lanner/ops/cpu/kernels.h"
#include "lanner/ops/cpu/order.h"
#include "lanner/ops/iou.h"

namespace lanner::ops {
namespace {

// The kept boxes, in blocks that a kernel compares at once. Those that may suppress by size and
// place are found through a table of cells: a cell holds the boxes whose longer side is between two
// powers of two, its level, and whose centres lie in one square. Cells that share a place in the
// table merely cost time, for every answer is a comparison of boxes. Below an IoU of 1/2 few boxes
// are kept and many are in reach: there is one list.
template <typename T>
class KeptBoxes {
 public:
  // An IoU above `bound` suppresses.
  KeptBoxes(int64_t count, T bound)
      : bound_(bound),
        cells_per_side_(1 / (2.02 * std::max(1. - bound, 0.05))),
        table_bits_(std::bit_width(static_cast<uint64_t>(std::max<int64_t>(count / 2, 64)))),
        table_(size_t{1} << table_bits_, -1) {
    blocks_.reserve(count);
  }

  // box: x1, y1, x2, y2, area.
  //
  // An IoU of t >= 1/2 needs an overlap of t times either side, on either axis. So the sides are
  // within a factor of 1 / t, and the centres apart by no more than (1 - t) times either side.
  // Cells are a little more than 2 * (1 - t) of the longest side in them: two on each axis are in
  // reach.
  bool suppress(const T* box) const {
    int32_t heads[4 * kLevels];
    int64_t count = 0;
    if (bound_ < T(0.5)) {
      heads[count++] = table_[0];
    } else {
      const double width = box[2] - box[0], height = box[3] - box[1];
      const double side = std::max(width, height);
      const double x = (static_cast<double>(box[0]) + box[2]) / 2;
      const double y = (static_cast<double>(box[1]) + box[3]) / 2;
      const int most_level = level(side / bound_ * 1.001);
      for (int l = level(side * bound_ * 0.999); l <= most_level; ++l) {
        const double longest = power(l + 1), beyond = 1.0001 - bound_;
        const int64_t column = cell(x - std::min(width, longest) * beyond, l);
        const int64_t row = cell(y - std::min(height, longest) * beyond, l);
        for (int64_t i = 0; i < 4; ++i) {
          heads[count] = table_[place(l, column + i % 2, row + i / 2)];
          count += heads[count] >= 0;
        }
      }
    }
    return kernels<T>().suppressed(blocks_.data(), heads, count, box, bound_);
  }

  void add(const T* box) {
    const int l = level(std::max(box[2] - box[0], box[3] - box[1]));
    int32_t& head = bound_ < T(0.5)
                        ? table_[0]
                        : table_[place(l, cell((static_cast<double>(box[0]) + box[2]) / 2, l),
                                       cell((static_cast<double>(box[1]) + box[3]) / 2, l))];
    int taken = 0;  // a block that is not full has its first free place where no box is
    if (head >= 0)
      while (taken < BoxBlock<T>::kBoxes && blocks_[head].x2[taken] != kNowhere) ++taken;
    if (head < 0 || taken == BoxBlock<T>::kBoxes) {
      blocks_.push_back(empty_block(head));
      head = static_cast<int32_t>(blocks_.size()) - 1;
      taken = 0;
    }
    auto& b = blocks_[head];
    b.x1[taken] = box[0], b.y1[taken] = box[1], b.x2[taken] = box[2], b.y2[taken] = box[3];
    b.area[taken] = box[4];
  }

 private:
  static constexpr T kNowhere = -std::numeric_limits<T>::infinity();
  static constexpr int kLevels = 4;  // that sides within a factor of 4 may span

  static int level(double side) {
    return static_cast<int>(std::bit_cast<uint64_t>(side) >> 52) - 1023;
  }
  static double power(int exponent) {  // of two
    return std::bit_cast<double>(static_cast<uint64_t>(exponent + 1023) << 52);
  }
  int64_t cell(double position, int level) const {
    const double cells = position * power(-level - 1) * cells_per_side_;
    const auto towards_zero = static_cast<int64_t>(cells);
    return towards_zero - (static_cast<double>(towards_zero) > cells);
  }
  uint64_t place(int level, int64_t column, int64_t row) const {
    const uint64_t key = static_cast<uint64_t>(column) * 0x9E3779B97F4A7C15u +
                         static_cast<uint64_t>(row) * 0xC2B2AE3D27D4EB4Fu +
                         static_cast<uint64_t>(level) * 0x165667B19E3779F9u;
    return key >> (64 - table_bits_);
  }

  static BoxBlock<T> empty_block(int32_t next) {
    BoxBlock<T> b{};
    std::fill_n(b.x2, BoxBlock<T>::kBoxes, kNowhere);
    b.next = next;
    return b;
  }

  T bound_;
  double cells_per_side_;  // of the longest side of a level
  int table_bits_;
  std::vector<int32_t> table_;  // the first block of each cell, or -1
  std::vector<BoxBlock<T>> blocks_;
};

// What an IoU of type T must be above (torchvision compares in double).
template <typename T>
T bound_of(double threshold) {
  const T bound = static_cast<T>(threshold);
  return static_cast<double>(bound) > threshold
             ? std::nextafter(bound, -std::numeric_limits<T>::infinity())
             : bound;
}

// Where the reasoning about sizes and places holds: not for a box that is small beside its distance
// from the origin, or beside T's range, and not without a finite area.
template <typename T>
std::vector<uint8_t> ordinary(const T* boxes, int64_t count) {
  std::vector<uint8_t> result(count);
  for (int64_t i = 0; i < count; ++i) {
    const T* b = boxes + i * 4;
    const T width = b[2] - b[0], height = b[3] - b[1], area = width * height;
    T farthest = 0;
    for (int side = 0; side < 4; ++side)
      farthest = std::abs(b[side]) > farthest ? std::abs(b[side]) : farthest;
    const T longer = width > height ? width : height;
    result[i] = (width > 0) & (height > 0) & (area > T(1e-25)) &
                (area <= std::numeric_limits<T>::max()) & (longer > farthest * T(1e-6));
  }
  return result;
}

template <typename T>
std::vector<int64_t> keep(const T* boxes, const std::vector<int64_t>& order, double threshold) {
  const auto count = static_cast<int64_t>(order.size());
  const auto is_ordinary = ordinary(boxes, count);
  std::vector<int64_t> kept, apart;  // apart: of the kept, those that are not ordinary
  KeptBoxes<T> others(count, bound_of<T>(threshold));
  const auto suppressed_by = [&](const std::vector<int64_t>& some, int64_t i) {
    return std::any_of(some.begin(), some.end(), [&](int64_t k) {
      return iou_above(boxes + 4 * k, boxes + 4 * i, threshold);
    });
  };
  for (const int64_t i : order) {
    const T* b = boxes + i * 4;
    const T width = b[2] - b[0], height = b[3] - b[1], area = width * height;
    if (!(threshold >= 0)) {  // even boxes that do not touch may suppress
      if (suppressed_by(kept, i)) continue;
    } else if (is_ordinary[i]) {
      const T box[5] = {b[0], b[1], b[2], b[3], area};
      if (others.suppress(box) || (!apart.empty() && suppressed_by(apart, i))) continue;
      others.add(box);
    } else if (width > 0 && height > 0 && std::isfinite(area)) {
      if (suppressed_by(kept, i)) continue;
      apart.push_back(i);
    }  // else it overlaps nothing, or its IoUs are 0 or NaN: it neither suppresses nor is
       // suppressed
    kept.push_back(i);
  }
  return kept;
}

at::Tensor nms_cpu(const at::Tensor& boxes, const at::Tensor& scores, double iou_threshold) {
  check_nms("nms", boxes, scores);
  const auto type = boxes.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto b = boxes.to(type).contiguous(), s = scores.to(type).contiguous();
  const auto run = [&]<typename T>(T) {
    return keep(b.const_data_ptr<T>(), descending_order(s.const_data_ptr<T>(), s.numel()),
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
