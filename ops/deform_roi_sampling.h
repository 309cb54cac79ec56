#pragma once

#include <cmath>

#include "lanner/ops/bilinear.h"
#include "lanner/ops/roi_align_sampling.h"

namespace lanner::ops {

// Sampling rules of the two deformable RoI operators. Shared by the CPU and CUDA kernels.

struct DeformPoolShape {
  // channels: output channels.
  int64_t batch, channels, height, width;
  int64_t pooled_height, pooled_width;
  int64_t group_size;  // position-sensitive groups per axis
  // Shape of the offsets: [K, 2 * classes, part_height, part_width].
  int64_t classes, part_height, part_width;

  LANNER_HOST_DEVICE int64_t bins() const { return pooled_height * pooled_width; }
  LANNER_HOST_DEVICE int64_t channels_per_class() const { return channels / classes; }
  LANNER_HOST_DEVICE int64_t groups() const { return group_size * group_size; }
  LANNER_HOST_DEVICE int64_t group(int64_t bin) const {
    const int64_t i = bin / pooled_width, j = bin % pooled_width;
    return i * group_size / pooled_height * group_size + j * group_size / pooled_width;
  }
  // Index of the horizontal offset for RoI k, a class and a bin. The vertical offset follows part()
  // elements later.
  LANNER_HOST_DEVICE int64_t offset(int64_t k, int64_t class_index, int64_t bin) const {
    const int64_t i = bin / pooled_width, j = bin % pooled_width;
    return ((k * classes + class_index) * 2 * part_height + i * part_height / pooled_height) *
               part_width +
           j * part_width / pooled_width;
  }
  LANNER_HOST_DEVICE int64_t part() const { return part_height * part_width; }
};

// The samples of a bin along one axis, in feature-map pixels.
template <typename A>
struct SampleLine {
  A first, step;
  int64_t samples;
  A pixels_per_offset;  // how far an offset of 1 moves the bin

  LANNER_HOST_DEVICE A position(int64_t i) const { return first + A(i) * step; }
  LANNER_HOST_DEVICE SampleRange range(int64_t size) const {
    return samples_in_map(first, step, samples, size);
  }
};

// deform_roi_pool samples as RoIAlign does. Samples outside the map count as 0.
struct DeformRoiPoolSampling {
  double spatial_scale, gamma;
  int64_t sampling_ratio;
  static constexpr bool counts_outside = true;

  // low, high: the RoI's start and end on this axis in image pixels.
  template <typename A>
  LANNER_HOST_DEVICE SampleLine<A> line(A low, A high, int64_t bins, int64_t bin, A offset) const {
    const auto axis =
        roi_axis<A>(low, high, static_cast<A>(spatial_scale), true, bins, sampling_ratio);
    const A pixels_per_offset = static_cast<A>(gamma) * axis.bin * A(bins);
    const A step = axis.samples > 0 ? axis.bin / A(axis.samples) : A(0);
    return {axis.start + A(bin) * axis.bin + step / A(2) + offset * pixels_per_offset, step,
            axis.samples, pixels_per_offset};
  }
  template <typename A>
  LANNER_HOST_DEVICE static AxisSample<A> sample(A position, int64_t size) {
    return clamped_sample(position, size);
  }
};

// The samples of the operator in the official DCN code. Samples outside the map are excluded.
struct DeformPsRoiPoolSampling {
  double spatial_scale, trans_std;
  int64_t sample_per_part;
  static constexpr bool counts_outside = false;

  template <typename A>
  LANNER_HOST_DEVICE SampleLine<A> line(A low, A high, int64_t bins, int64_t bin, A offset) const {
    const A scale = static_cast<A>(spatial_scale);
    const A start = std::round(low) * scale - A(0.5);
    const A end = (std::round(high) + A(1)) * scale - A(0.5);
    const A length = end - start > A(0.1) ? end - start : A(0.1);  // also for NaN
    const A pixels_per_offset = static_cast<A>(trans_std) * length, step = length / A(bins);
    return {A(bin) * step + start + offset * pixels_per_offset, step / A(sample_per_part),
            sample_per_part, pixels_per_offset};
  }
  template <typename A>
  LANNER_HOST_DEVICE static AxisSample<A> sample(A position, int64_t size) {
    return edge_sample(position, size);
  }
};

// The weight of a sample in the mean of its line, of which `inside` samples are inside the map.
template <typename Sampling, typename A>
LANNER_HOST_DEVICE A line_sample_weight(const SampleLine<A>& line, int64_t inside) {
  const int64_t count = Sampling::counts_outside ? line.samples : inside;
  return A(1) / A(count > 1 ? count : 1);
}

}  // namespace lanner::ops
