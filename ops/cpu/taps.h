#pragma once

#include <ATen/Parallel.h>

#include <vector>

#include "lanner/ops/cpu/cells.h"
#include "lanner/ops/cpu/kernels.h"
#include "lanner/ops/roi_grid.h"

namespace lanner::ops {

struct TapRange {
  int32_t begin, end;
};

// The taps of some RoIs, bin by bin. Bilinear sampling is separable, so a bin is the product of the
// taps of its two axes, and samples that meet in one cell become one tap.
template <typename T>
struct RoiTaps {
  std::vector<Tap<T>> taps;
  std::vector<BinTaps> bins;
  int64_t least_row = INT64_MAX, greatest_row = -1;  // that a bin reads
  std::vector<T> sums;                               // of the cells of one line

  // The taps of one bin on one axis: the sum of at(i) for the samples `range`, whose positions rise
  // or fall with i, times share(number of them inside).
  template <typename Position, typename At, typename Share>
  TapRange add_values(SampleRange range, int64_t size, Position position, At at, Share share) {
    const int64_t low = spread(range, size, position);
    int64_t kept = 0;
    for (int64_t i = range.begin; i < range.end; ++i) {
      const AxisSample<T> sample = at(position(i), size);
      if (!sample.inside) continue;
      ++kept;
      sums[sample.low - low] += sample.low_weight;
      sums[sample.high - low] += sample.high_weight;
    }
    return collect(low, share(kept));
  }

  // By how much that sum changes as the positions rise.
  template <typename Position, typename At, typename Share>
  TapRange add_slopes(SampleRange range, int64_t size, Position position, At at, Share share) {
    const int64_t low = spread(range, size, position);
    int64_t kept = 0;
    for (int64_t i = range.begin; i < range.end; ++i) {
      const AxisSample<T> sample = at(position(i), size);
      kept += sample.inside;
      if (!sample.moves) continue;
      sums[sample.low - low] -= T(1);
      sums[sample.high - low] += T(1);
    }
    return collect(low, share(kept));
  }

  TapRange since(size_t first) const {
    TORCH_CHECK(taps.size() < INT32_MAX, "too many samples in the RoIs");
    return {static_cast<int32_t>(first), static_cast<int32_t>(taps.size())};
  }

  void add_bin(TapRange x, TapRange y) {
    bins.push_back({x.begin, x.end, y.begin, y.end});
    if (x.begin == x.end) return;
    for (int32_t i = y.begin; i < y.end; ++i) {
      least_row = std::min<int64_t>(least_row, taps[i].cell);
      greatest_row = std::max<int64_t>(greatest_row, taps[i].cell);
    }
  }

 private:
  // Zeros for the cells that the samples can touch, and one more to either side: the compiler may
  // round a position otherwise in another place. Returns the first.
  template <typename Position>
  int64_t spread(SampleRange range, int64_t size, Position position) {
    const auto cell = [&](int64_t i) {
      const T at = position(i);
      if (!(at > T(0))) return int64_t{0};  // NaN too
      return at < static_cast<T>(size) ? std::min(static_cast<int64_t>(at), size - 1) : size - 1;
    };
    if (range.begin >= range.end) return sums.clear(), 0;
    const auto [low, high] = std::minmax({cell(range.begin), cell(range.end - 1)});
    sums.assign(high - low + 4, T(0));
    return low - 1;
  }
  TapRange collect(int64_t low, T share) {
    const size_t first = taps.size();
    for (size_t i = 0; i < sums.size(); ++i)
      if (sums[i] != T(0)) taps.push_back({static_cast<int32_t>(low + i), sums[i] * share});
    return since(first);
  }
};

// The taps of bin `bin` of RoIAlign's grid on one axis.
template <typename T>
TapRange grid_taps(RoiTaps<T>& out, const RoiAxis<T>& axis, int64_t bin, int64_t size) {
  return out.add_values(
      axis.range(bin, size), size, [&](int64_t i) { return axis.position(bin, i); },
      clamped_sample<T>,
      [&](int64_t) { return T(1) / static_cast<T>(std::max<int64_t>(axis.samples, 1)); });
}

// A RoI whose columns of bins share their x taps, and rows their y taps.
template <typename T, typename XTaps, typename YTaps>
void add_product(RoiTaps<T>& out, int64_t pooled_height, int64_t pooled_width, XTaps x_taps,
                 YTaps y_taps) {
  std::vector<TapRange> columns(pooled_width);
  for (int64_t j = 0; j < pooled_width; ++j) columns[j] = x_taps(j);
  for (int64_t i = 0; i < pooled_height; ++i) {
    const TapRange row = y_taps(i);
    for (int64_t j = 0; j < pooled_width; ++j) out.add_bin(columns[j], row);
  }
}

// The taps of all RoIs, kChunk to a list. rule(roi, k, list) adds those of RoI k.
template <typename T>
struct TapTable {
  static constexpr int64_t kChunk = 32;
  std::vector<RoiTaps<T>> chunks;
  int64_t bins_per_roi;

  template <typename Rule>
  TapTable(const Rule& rule, const T* rois, int64_t count, int64_t bins)
      : chunks((count + kChunk - 1) / kChunk), bins_per_roi(bins) {
    at::parallel_for(0, static_cast<int64_t>(chunks.size()), 2, [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk)
        for (int64_t k = chunk * kChunk; k < std::min(count, (chunk + 1) * kChunk); ++k)
          rule(rois + k * 5, k, chunks[chunk]);
    });
  }

  const Tap<T>* taps(int64_t k) const { return chunks[k / kChunk].taps.data(); }
  const BinTaps* bins(int64_t k) const {
    return chunks[k / kChunk].bins.data() + k % kChunk * bins_per_roi;
  }

  // The rows that some of the chunks of these RoIs read.
  Rows rows(const std::vector<int64_t>& rois) const {
    Rows result{INT64_MAX, 0};
    for (const int64_t k : rois) {
      result.begin = std::min(result.begin, chunks[k / kChunk].least_row);
      result.end = std::max(result.end, chunks[k / kChunk].greatest_row + 1);
    }
    return result.begin < result.end ? result : Rows{0, 0};
  }
};

}  // namespace lanner::ops
