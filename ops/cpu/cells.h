#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "lanner/ops/cpu/fresh.h"
#include "lanner/ops/cpu/kernels.h"

namespace lanner::ops {

// The CPU kernels work on cells whose channels lie together; a feature map is turned into such
// cells a slice of its channels at a time, small enough to stay in a core's cache.

// The input of a pooling operator: [N, channels * groups, height, width]. Channel c of group g is
// plane c * groups + g; a bin of a position-sensitive operator reads its own group alone.
struct MapShape {
  int64_t batch, channels, height, width;
  int64_t groups = 1;

  int64_t cells() const { return height * width; }
  int64_t plane(int64_t image, int64_t channel, int64_t group) const {
    return ((image * channels + channel) * groups + group) * cells();
  }
};

struct Rows {
  int64_t begin, end;
};

// Some channels of one image and group.
struct Slice {
  int64_t image, group, first, channels;
  int64_t width;  // channels, rounded up to whole vectors
};

inline int64_t round_up(int64_t number, int64_t step) { return (number + step - 1) / step * step; }

// All slices, in order, of at most `vectors` vectors.
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

// Room for the cells of one slice of at most `vectors` vectors.
template <typename T>
at::Tensor cell_room(const MapShape& s, int64_t vectors = 4) {
  return fresh({s.cells() *
                std::min(vectors * kernels<T>().lanes, round_up(s.channels, kernels<T>().lanes))},
               c10::CppTypeToScalarType<T>::value);
}

// The rows of a slice of `input` (contiguous) as cells in `room`.
template <typename T>
Cells<const T> read_cells(const T* input, const MapShape& s, const Slice& slice, Rows rows,
                          T* room) {
  const int64_t begin = rows.begin * s.width, count = (rows.end - rows.begin) * s.width;
  if (count > 0)
    kernels<T>().planes_to_cells(input + s.plane(slice.image, slice.first, slice.group) + begin,
                                 s.groups * s.cells(), slice.channels, count,
                                 room + begin * slice.width, slice.width);
  return {room, s.width * slice.width, slice.width};
}

// The reverse: the rows of cells into the planes of `output` (contiguous).
template <typename T>
void write_cells(const T* cells, const MapShape& s, const Slice& slice, Rows rows, T* output) {
  const int64_t begin = rows.begin * s.width, count = (rows.end - rows.begin) * s.width;
  if (count > 0)
    kernels<T>().transpose(cells + begin * slice.width, slice.width, count, slice.channels,
                           output + s.plane(slice.image, slice.first, slice.group) + begin,
                           s.groups * s.cells());
}

// Results are computed as [positions, width] a slice; an output is [C, positions] or, where the
// memory format is channels-last, [positions, C]. Here are `count` positions of `all_positions`.
template <typename T>
void write_bins(const T* sums, int64_t stride, int64_t count, int64_t channels, bool channels_last,
                T* output, int64_t all_channels, int64_t all_positions) {
  if (!channels_last) {
    if constexpr (std::is_same_v<T, int32_t>)
      return kernels<float>().transpose_index(sums, stride, count, channels, output, all_positions);
    else
      return kernels<T>().transpose(sums, stride, count, channels, output, all_positions);
  }
  for (int64_t b = 0; b < count; ++b)
    std::memcpy(output + b * all_channels, sums + b * stride, channels * sizeof(T));
}

// The reverse, with zeros up to `stride`.
template <typename T>
void read_bins(const T* input, int64_t bins, int64_t channels, bool channels_last,
               int64_t all_channels, T* sums, int64_t stride) {
  if (!channels_last)
    return kernels<T>().planes_to_cells(input, bins, channels, bins, sums, stride);
  for (int64_t b = 0; b < bins; ++b) {
    std::memcpy(sums + b * stride, input + b * all_channels, channels * sizeof(T));
    std::fill(sums + b * stride + channels, sums + (b + 1) * stride, T(0));
  }
}

}  // namespace lanner::ops
