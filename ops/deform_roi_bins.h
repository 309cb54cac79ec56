#pragma once

#include <cmath>

#include "lanner/ops/bilinear.h"
#include "lanner/ops/roi_grid.h"

namespace lanner::ops {

// Where the deformable RoI operators sample: all that the two differ in. Shared by every device.

struct DeformPoolShape {
  int64_t batch, channels, height, width;  // channels: of the output
  int64_t pooled_height, pooled_width;
  int64_t group_size;                        // position-sensitive groups on each axis
  int64_t classes, part_height, part_width;  // of the offsets, [K, 2 * classes, part, part]

  LANNER_HOST_DEVICE int64_t bins() const { return pooled_height * pooled_width; }
  LANNER_HOST_DEVICE int64_t channels_per_class() const { return channels / classes; }
  LANNER_HOST_DEVICE int64_t groups() const { return group_size * group_size; }
  LANNER_HOST_DEVICE int64_t group(int64_t bin) const {
    const int64_t i = bin / pooled_width, j = bin % pooled_width;
    return i * group_size / pooled_height * group_size + j * group_size / pooled_width;
  }
  // The place of the horizontal offset of RoI k, class and bin; the vertical one follows a part
  // later.
  LANNER_HOST_DEVICE int64_t offset(int64_t k, int64_t of_class, int64_t bin) const {
    const int64_t i = bin / pooled_width, j = bin % pooled_width;
    return ((k * classes + of_class) * 2 * part_height + i * part_height / pooled_height) *
               part_width +
           j * part_width / pooled_width;
  }
  LANNER_HOST_DEVICE int64_t part() const { return part_height * part_width; }
};

// Samples of a bin along one axis, in feature cells.
template <typename A>
struct SampleLine {
  A first, step;
  int64_t samples;
  A per_offset;  // cells that an offset of 1 moves them by

  LANNER_HOST_DEVICE A position(int64_t i) const { return first + A(i) * step; }
  LANNER_HOST_DEVICE SampleRange range(int64_t size) const {
    return samples_near(first, step, samples, size);
  }
};

// RoIAlign's samples; every one counts, those outside as 0.
struct DeformRoiPoolRule {
  double spatial_scale, gamma;
  int64_t sampling_ratio;
  static constexpr bool counts_all = true;

  // low, high: the RoI's sides in image pixels.
  template <typename A>
  LANNER_HOST_DEVICE SampleLine<A> line(A low, A high, int64_t bins, int64_t bin, A offset) const {
    const auto axis =
        roi_axis<A>(low, high, static_cast<A>(spatial_scale), true, bins, sampling_ratio);
    const A per_offset = static_cast<A>(gamma) * axis.bin * A(bins);
    const A step = axis.samples > 0 ? axis.bin / A(axis.samples) : A(0);
    return {axis.start + A(bin) * axis.bin + step / A(2) + offset * per_offset, step, axis.samples,
            per_offset};
  }
  template <typename A>
  LANNER_HOST_DEVICE static AxisSample<A> sample(A position, int64_t size) {
    return clamped_sample(position, size);
  }
};

// The samples of DCN's own operator; those outside do not count.
struct DeformPsRoiPoolRule {
  double spatial_scale, trans_std;
  int64_t sample_per_part;
  static constexpr bool counts_all = false;

  template <typename A>
  LANNER_HOST_DEVICE SampleLine<A> line(A low, A high, int64_t bins, int64_t bin, A offset) const {
    const A scale = static_cast<A>(spatial_scale);
    const A start = std::round(low) * scale - A(0.5);
    const A end = (std::round(high) + A(1)) * scale - A(0.5);
    const A length = end - start > A(0.1) ? end - start : A(0.1);  // NaN too
    const A per_offset = static_cast<A>(trans_std) * length, step = length / A(bins);
    return {A(bin) * step + start + offset * per_offset, step / A(sample_per_part), sample_per_part,
            per_offset};
  }
  template <typename A>
  LANNER_HOST_DEVICE static AxisSample<A> sample(A position, int64_t size) {
    return edge_sample(position, size);
  }
};

// The share of a sample in the mean of its line, `kept` of which were inside.
template <typename Rule, typename A>
LANNER_HOST_DEVICE A line_share(const SampleLine<A>& line, int64_t kept) {
  const int64_t count = Rule::counts_all ? line.samples : kept;
  return A(1) / A(count > 1 ? count : 1);
}

}  // namespace lanner::ops
