#pragma once

#include <cstdint>

#include "lanner/ops/iou.h"

namespace lanner::ops {

// Which later boxes each box would suppress, 64 to a word of the table [N, words]. Boxes are sorted
// by descending score. Neighbouring threads take neighbouring boxes, and read the same 64.
template <typename T>
struct NmsWords {
  const T* boxes;
  uint64_t* words;
  int64_t count;
  T threshold;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    const int64_t column = index / count, row = index % count;
    uint64_t word = 0;
    for (int64_t bit = 0; bit < 64; ++bit) {
      const int64_t other = column * 64 + bit;
      if (other > row && other < count && iou_above(boxes + row * 4, boxes + other * 4, threshold))
        word |= uint64_t(1) << bit;
    }
    words[row * ((count + 63) / 64) + column] = word;
  }
};

// One step of the greedy choice takes 64 boxes, of which boxes before them have `struck` some.
// Gives those that stay, a bit each. diagonal[i]: which of the 64, all after i, box i suppresses.
LANNER_HOST_DEVICE uint64_t nms_kept(uint64_t struck, const uint64_t* diagonal, int64_t count) {
  uint64_t kept = 0;
  for (int64_t i = 0; i < count; ++i)
    if (!(struck >> i & 1)) kept |= uint64_t(1) << i, struck |= diagonal[i];
  return kept;
}

// Strikes out what those `kept` of the 64 boxes from `first` suppress later. Threads share the
// words of a row: thread t of n takes the t-th, t + n-th, ... after the 64's own.
LANNER_HOST_DEVICE void nms_strike(uint64_t* struck, const uint64_t* words, int64_t columns,
                                   int64_t first, uint64_t kept, int64_t thread, int64_t threads) {
  for (int64_t w = first / 64 + 1 + thread; w < columns; w += threads) {
    uint64_t word = struck[w];
#pragma unroll
    for (int64_t i = 0; i < 64; ++i)  // all are loaded, that the loads overlap
      word |= words[(first + i) * columns + w] & -(kept >> i & 1);
    struck[w] = word;
  }
}

}  // namespace lanner::ops
