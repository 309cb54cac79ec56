#pragma once

#include <cstdint>

#include "lanner/ops/iou.h"

namespace lanner::ops {

// Which later boxes each box would suppress, 64 to a word: word `index` of the table [N, words].
// Boxes are sorted by descending score.
template <typename T>
struct NmsWords {
  const T* boxes;
  uint64_t* words;
  int64_t count;
  T threshold;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    const int64_t columns = (count + 63) / 64, row = index / columns, column = index % columns;
    uint64_t word = 0;
    for (int64_t bit = 0; bit < 64; ++bit) {
      const int64_t other = column * 64 + bit;
      if (other > row && other < count && iou_above(boxes + row * 4, boxes + other * 4, threshold))
        word |= uint64_t(1) << bit;
    }
    words[index] = word;
  }
};

// One step of the greedy choice: if box `row` still stands it is kept, and the words it suppresses
// are struck out. Threads share the words of a row: thread t of n takes words t, t + n, ...
LANNER_HOST_DEVICE bool nms_keeps(const uint64_t* struck, int64_t row) {
  return !(struck[row / 64] >> (row % 64) & 1);
}
LANNER_HOST_DEVICE void nms_strike(uint64_t* struck, const uint64_t* words, int64_t columns,
                                   int64_t row, int64_t thread, int64_t threads) {
  for (int64_t w = thread; w < columns; w += threads) struck[w] |= words[row * columns + w];
}

}  // namespace lanner::ops
