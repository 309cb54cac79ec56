#pragma once

#include <cstdint>

#include "lanner/ops/iou.h"

namespace lanner::ops {

// Computes which later boxes each box would suppress, as a table of bit masks with ceil(N / 64)
// words per box. Boxes are sorted by descending score. Neighboring threads process neighboring
// boxes and read the same 64 others.
template <typename T>
struct NmsMasks {
  const T* boxes;
  uint64_t* masks;
  int64_t count;
  T threshold;

  LANNER_HOST_DEVICE void operator()(int64_t index) const {
    const int64_t column = index / count, row = index % count;
    uint64_t mask = 0;
    for (int64_t bit = 0; bit < 64; ++bit) {
      const int64_t other = column * 64 + bit;
      if (other > row && other < count && iou_above(boxes + row * 4, boxes + other * 4, threshold))
        mask |= uint64_t(1) << bit;
    }
    masks[row * ((count + 63) / 64) + column] = mask;
  }
};

// One step of the greedy selection, for 64 boxes. `suppressed` marks those that earlier boxes
// suppress; diagonal[i] marks those of the 64, all after i, that box i suppresses. Returns a mask
// of the boxes to keep.
LANNER_HOST_DEVICE uint64_t nms_keep_mask(uint64_t suppressed, const uint64_t* diagonal,
                                          int64_t count) {
  uint64_t keep = 0;
  for (int64_t i = 0; i < count; ++i)
    if (!(suppressed >> i & 1)) keep |= uint64_t(1) << i, suppressed |= diagonal[i];
  return keep;
}

// Marks the later boxes that are suppressed by those in `keep` among the 64 boxes from `first` on.
// The threads share the words of a row: thread t of n processes words t, t + n, ... after the word
// of the 64 boxes.
LANNER_HOST_DEVICE void nms_suppress_later(uint64_t* suppressed, const uint64_t* masks,
                                           int64_t columns, int64_t first, uint64_t keep,
                                           int64_t thread, int64_t threads) {
  for (int64_t w = first / 64 + 1 + thread; w < columns; w += threads) {
    uint64_t mask = suppressed[w];
#pragma unroll
    for (int64_t i = 0; i < 64; ++i)  // load unconditionally so that the loads overlap
      mask |= masks[(first + i) * columns + w] & -(keep >> i & 1);
    suppressed[w] = mask;
  }
}

}  // namespace lanner::ops
