#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "lanner/ops/cpu/kernels.h"
#include "lanner/ops/cpu_cache.h"

namespace lanner::ops {

// The CPU kernels work on NHWC data. A feature map is transposed to NHWC one slice of channels at a
// time, which fits in the cache of a core.

// The shape of the input of a pooling operator: [N, channels * groups, height, width]. Channel c of
// group g is plane c * groups + g. Each bin of a position-sensitive operator reads one group.
struct MapShape {
  int64_t batch, channels, height, width;
  int64_t groups = 1;

  int64_t pixels() const { return height * width; }
  int64_t plane(int64_t image, int64_t channel, int64_t group) const {
    return ((image * channels + channel) * groups + group) * pixels();
  }
};

struct Rows {
  int64_t begin, end;
};

// Consecutive channels of one image and group.
struct Slice {
  int64_t image, group, first, channels;
  int64_t width;  // the number of channels, rounded up to whole vectors
};

inline int64_t round_up(int64_t number, int64_t step) { return (number + step - 1) / step * step; }

// All slices of a feature map, in order, each of at most `vectors` vectors.
inline std::vector<Slice> slices(const MapShape& s, int64_t lanes, int64_t vectors = 4) {
  std::vector<Slice> result;
  for (int64_t image = 0; image < s.batch; ++image)
    for (int64_t group = 0; group < s.groups; ++group)
      for (int64_t first = 0; first < s.channels; first += vectors * lanes) {
        const int64_t channels = std::min(vectors * lanes, s.channels - first);
        result.push_back({image, group, first, channels, round_up(channels, lanes)});
      }
  return result;
}

// Allocates a buffer for one slice of at most `vectors` vectors in NHWC layout.
template <typename T>
at::Tensor nhwc_buffer(const MapShape& s, int64_t vectors = 4) {
  return empty_cached({s.pixels() * std::min(vectors * kernels<T>().lanes,
                                             round_up(s.channels, kernels<T>().lanes))},
                      c10::CppTypeToScalarType<T>::value);
}

// Transposes the given rows of a slice of `input` (contiguous NCHW) into `buffer`, and returns a
// view of the full map there.
template <typename T>
NhwcView<const T> read_nhwc(const T* input, const MapShape& s, const Slice& slice, Rows rows,
                            T* buffer) {
  const int64_t begin = rows.begin * s.width, count = (rows.end - rows.begin) * s.width;
  if (count > 0)
    kernels<T>().planes_to_nhwc(input + s.plane(slice.image, slice.first, slice.group) + begin,
                                s.groups * s.pixels(), slice.channels, count,
                                buffer + begin * slice.width, slice.width);
  return {buffer, s.width * slice.width, slice.width};
}

// The reverse of read_nhwc: writes the given rows of a slice to `output` (contiguous NCHW).
template <typename T>
void write_nhwc(const T* data, const MapShape& s, const Slice& slice, Rows rows, T* output) {
  const int64_t begin = rows.begin * s.width, count = (rows.end - rows.begin) * s.width;
  if (count > 0)
    kernels<T>().transpose(data + begin * slice.width, slice.width, count, slice.channels,
                           output + s.plane(slice.image, slice.first, slice.group) + begin,
                           s.groups * s.pixels());
}

// Writes `count` positions of a slice of results, computed as [positions, stride], to an output
// laid out as [C, all_positions] or, for channels-last, [all_positions, C].
template <typename T>
void write_output(const T* sums, int64_t stride, int64_t count, int64_t channels,
                  bool channels_last, T* output, int64_t all_channels, int64_t all_positions) {
  if (!channels_last) {
    if constexpr (std::is_same_v<T, int32_t>)
      return kernels<float>().transpose_index(sums, stride, count, channels, output, all_positions);
    else
      return kernels<T>().transpose(sums, stride, count, channels, output, all_positions);
  }
  for (int64_t b = 0; b < count; ++b)
    std::memcpy(output + b * all_channels, sums + b * stride, channels * sizeof(T));
}

// The reverse of write_output for all bins of a RoI. Pads the channels with zeros up to `stride`.
template <typename T>
void read_output_grad(const T* input, int64_t bins, int64_t channels, bool channels_last,
                      int64_t all_channels, T* sums, int64_t stride) {
  if (!channels_last) return kernels<T>().planes_to_nhwc(input, bins, channels, bins, sums, stride);
  for (int64_t b = 0; b < bins; ++b) {
    std::memcpy(sums + b * stride, input + b * all_channels, channels * sizeof(T));
    std::fill(sums + b * stride + channels, sums + (b + 1) * stride, T(0));
  }
}

}  // namespace lanner::ops
