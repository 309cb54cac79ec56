#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "lanner/ops/cpu/kernels.h"

namespace lanner::ops {

// The kept boxes, in blocks that a kernel compares at once. Candidates for an overlap are found by
// size and position through a hash table of grid cells. A cell holds the boxes whose longer side is
// in the same power-of-two range (its level) and whose centers are in the same grid square. Hash
// collisions only cost time, because boxes are always compared exactly. Below an IoU of 1/2 few
// boxes are kept and many are candidates, so there is a single list.
template <typename T>
class KeptBoxes {
 public:
  // Boxes with an IoU above `bound` are suppressed.
  KeptBoxes(int64_t count, T bound)
      : bound_(bound),
        cells_per_side_(1 / (2.02 * std::max(1. - bound, 0.05))),
        table_bits_(std::bit_width(static_cast<uint64_t>(std::max<int64_t>(count / 2, 64)))),
        table_(size_t{1} << table_bits_, -1) {
    blocks_.reserve(count);
  }

  // Whether a kept box suppresses `box`: x1, y1, x2, y2, area.
  //
  // An IoU of t >= 1/2 requires the overlap on each axis to be at least t times the side of either
  // box. So the sides differ by a factor of at most 1 / t, and the centers by at most (1 - t) times
  // either side. The side of a cell is slightly more than 2 * (1 - t) times the longest side of its
  // level, so at most two cells per axis are in reach.
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
      const int max_level = level(side / bound_ * 1.001);
      for (int l = level(side * bound_ * 0.999); l <= max_level; ++l) {
        const double longest = power(l + 1), reach = 1.0001 - bound_;
        const int64_t column = cell(x - std::min(width, longest) * reach, l);
        const int64_t row = cell(y - std::min(height, longest) * reach, l);
        for (int64_t i = 0; i < 4; ++i) {
          heads[count] = table_[table_index(l, column + i % 2, row + i / 2)];
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
                        : table_[table_index(l, cell((static_cast<double>(box[0]) + box[2]) / 2, l),
                                             cell((static_cast<double>(box[1]) + box[3]) / 2, l))];
    // Blocks are filled in order; a free slot is marked by x2 == kFreeSlot.
    int slot = 0;
    if (head >= 0)
      while (slot < BoxBlock<T>::kBoxes && blocks_[head].x2[slot] != kFreeSlot) ++slot;
    if (head < 0 || slot == BoxBlock<T>::kBoxes) {
      blocks_.push_back(empty_block(head));
      head = static_cast<int32_t>(blocks_.size()) - 1;
      slot = 0;
    }
    auto& b = blocks_[head];
    b.x1[slot] = box[0], b.y1[slot] = box[1], b.x2[slot] = box[2], b.y2[slot] = box[3];
    b.area[slot] = box[4];
  }

 private:
  static constexpr T kFreeSlot = -std::numeric_limits<T>::infinity();
  // Maximum number of levels spanned by sides within a factor of 4.
  static constexpr int kLevels = 4;

  static int level(double side) {
    return static_cast<int>(std::bit_cast<uint64_t>(side) >> 52) - 1023;
  }
  // Returns 2^exponent.
  static double power(int exponent) {
    return std::bit_cast<double>(static_cast<uint64_t>(exponent + 1023) << 52);
  }
  int64_t cell(double position, int level) const {
    const double scaled = position * power(-level - 1) * cells_per_side_;
    const auto truncated = static_cast<int64_t>(scaled);
    return truncated - (static_cast<double>(truncated) > scaled);
  }
  uint64_t table_index(int level, int64_t column, int64_t row) const {
    const uint64_t key = static_cast<uint64_t>(column) * 0x9E3779B97F4A7C15u +
                         static_cast<uint64_t>(row) * 0xC2B2AE3D27D4EB4Fu +
                         static_cast<uint64_t>(level) * 0x165667B19E3779F9u;
    return key >> (64 - table_bits_);
  }

  static BoxBlock<T> empty_block(int32_t next) {
    BoxBlock<T> b{};
    std::fill_n(b.x2, BoxBlock<T>::kBoxes, kFreeSlot);
    b.next = next;
    return b;
  }

  T bound_;
  // Grid cells per longest side of a level.
  double cells_per_side_;
  int table_bits_;
  // The first block of each cell, or -1.
  std::vector<int32_t> table_;
  std::vector<BoxBlock<T>> blocks_;
};

}  // namespace lanner::ops
