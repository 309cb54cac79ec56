#pragma once

#include <ATen/Parallel.h>

#include <vector>

#include "lanner/ops/cpu/kernels.h"
#include "lanner/ops/cpu/nhwc_view.h"
#include "lanner/ops/roi_align_sampling.h"

namespace lanner::ops {

struct WeightRange {
  int32_t begin, end;
};

// The weights of the bins of some RoIs. Bilinear sampling is separable, so the weights of a bin are
// products of weights on its two axes. Samples that read the same position share one weight.
template <typename T>
struct RoiWeights {
  std::vector<AxisWeight<T>> axis_weights;
  std::vector<BinWeights> bins;
  // The first and last row that any bin reads.
  int64_t min_row = INT64_MAX, max_row = -1;
  // Accumulates the weights of one bin on one axis.
  std::vector<T> sums;

  // Adds the weights of one bin on one axis: the sum over the samples in `range` of
  // sample_at(position(i), size), times scale(number of samples inside). The positions must be
  // monotonic in i.
  template <typename Position, typename SampleAt, typename Scale>
  WeightRange add_weights(SampleRange range, int64_t size, Position position, SampleAt sample_at,
                          Scale scale) {
    const int64_t low = clear_sums(range, size, position);
    int64_t inside = 0;
    for (int64_t i = range.begin; i < range.end; ++i) {
      const AxisSample<T> sample = sample_at(position(i), size);
      if (!sample.inside) continue;
      ++inside;
      sums[sample.low - low] += sample.low_weight;
      sums[sample.high - low] += sample.high_weight;
    }
    return append_weights(low, scale(inside));
  }

  // Adds the derivatives of those weights with respect to a shift of the positions.
  template <typename Position, typename SampleAt, typename Scale>
  WeightRange add_derivatives(SampleRange range, int64_t size, Position position,
                              SampleAt sample_at, Scale scale) {
    const int64_t low = clear_sums(range, size, position);
    int64_t inside = 0;
    for (int64_t i = range.begin; i < range.end; ++i) {
      const AxisSample<T> sample = sample_at(position(i), size);
      inside += sample.inside;
      if (!sample.has_gradient) continue;
      sums[sample.low - low] -= T(1);
      sums[sample.high - low] += T(1);
    }
    return append_weights(low, scale(inside));
  }

  WeightRange range_from(size_t first) const {
    TORCH_CHECK(axis_weights.size() < INT32_MAX, "too many samples in the RoIs");
    return {static_cast<int32_t>(first), static_cast<int32_t>(axis_weights.size())};
  }

  void add_bin(WeightRange x, WeightRange y) {
    bins.push_back({x.begin, x.end, y.begin, y.end});
    if (x.begin == x.end) return;
    for (int32_t i = y.begin; i < y.end; ++i) {
      min_row = std::min<int64_t>(min_row, axis_weights[i].index);
      max_row = std::max<int64_t>(max_row, axis_weights[i].index);
    }
  }

 private:
  // Clears `sums` for the pixels that the samples can touch, with one more on either side because
  // the compiler may round a position differently elsewhere. Returns the position of the first sum.
  template <typename Position>
  int64_t clear_sums(SampleRange range, int64_t size, Position position) {
    const auto pixel_at = [&](int64_t i) {
      const T value = position(i);
      if (!(value > T(0))) return int64_t{0};  // also for NaN
      return value < static_cast<T>(size) ? std::min(static_cast<int64_t>(value), size - 1)
                                          : size - 1;
    };
    if (range.begin >= range.end) return sums.clear(), 0;
    const auto [low, high] = std::minmax({pixel_at(range.begin), pixel_at(range.end - 1)});
    sums.assign(high - low + 4, T(0));
    return low - 1;
  }
  WeightRange append_weights(int64_t low, T scale) {
    const size_t first = axis_weights.size();
    for (size_t i = 0; i < sums.size(); ++i)
      if (sums[i] != T(0)) axis_weights.push_back({static_cast<int32_t>(low + i), sums[i] * scale});
    return range_from(first);
  }
};

// The weights of bin `bin` of the RoIAlign grid on one axis.
template <typename T>
WeightRange grid_weights(RoiWeights<T>& out, const RoiAxis<T>& axis, int64_t bin, int64_t size) {
  return out.add_weights(
      axis.range(bin, size), size, [&](int64_t i) { return axis.position(bin, i); },
      clamped_sample<T>,
      [&](int64_t) { return T(1) / static_cast<T>(std::max<int64_t>(axis.samples, 1)); });
}

// Adds the bins of a RoI whose bins share x weights within each column and y weights within each
// row.
template <typename T, typename XWeights, typename YWeights>
void add_separable_bins(RoiWeights<T>& out, int64_t pooled_height, int64_t pooled_width,
                        XWeights x_weights, YWeights y_weights) {
  std::vector<WeightRange> columns(pooled_width);
  for (int64_t j = 0; j < pooled_width; ++j) columns[j] = x_weights(j);
  for (int64_t i = 0; i < pooled_height; ++i) {
    const WeightRange row = y_weights(i);
    for (int64_t j = 0; j < pooled_width; ++j) out.add_bin(columns[j], row);
  }
}

// The weights of all RoIs, in lists of kChunk RoIs. sampling(roi, k, list) adds those of RoI k.
template <typename T>
struct PoolingWeights {
  static constexpr int64_t kChunk = 32;
  std::vector<RoiWeights<T>> chunks;
  int64_t bins_per_roi;

  template <typename Sampling>
  PoolingWeights(const Sampling& sampling, const T* rois, int64_t count, int64_t bins)
      : chunks((count + kChunk - 1) / kChunk), bins_per_roi(bins) {
    at::parallel_for(0, static_cast<int64_t>(chunks.size()), 2, [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk)
        for (int64_t k = chunk * kChunk; k < std::min(count, (chunk + 1) * kChunk); ++k)
          sampling(rois + k * 5, k, chunks[chunk]);
    });
  }

  const AxisWeight<T>* axis_weights(int64_t k) const {
    return chunks[k / kChunk].axis_weights.data();
  }
  const BinWeights* bins(int64_t k) const {
    return chunks[k / kChunk].bins.data() + k % kChunk * bins_per_roi;
  }

  // The range of rows that the chunks containing these RoIs read.
  Rows rows(const std::vector<int64_t>& rois) const {
    Rows result{INT64_MAX, 0};
    for (const int64_t k : rois) {
      result.begin = std::min(result.begin, chunks[k / kChunk].min_row);
      result.end = std::max(result.end, chunks[k / kChunk].max_row + 1);
    }
    return result.begin < result.end ? result : Rows{0, 0};
  }
};

}  // namespace lanner::ops
