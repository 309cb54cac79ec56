#pragma once

#include <cstdint>

namespace lanner::ops {

// The inner loops of the CPU operators, compiled once for each instruction set (cpu/kernels/) and
// reached through a table. They know nothing of tensors, threads or RoIs.

// A cell along one axis of a feature map, and its weight in a bin.
template <typename T>
struct Tap {
  int32_t cell;
  T weight;
};

// A bin is the product of the taps of two axes: [begin, end) into an array of taps.
struct BinTaps {
  int32_t x_begin, x_end, y_begin, y_end;
};

// A bin of max pooling: the cells [begin, end) on each axis.
struct BinCells {
  int32_t x_begin, x_end, y_begin, y_end;
};

// A feature map whose cells hold their channels side by side; strides in elements.
template <typename T>
struct Cells {
  T* data;
  int64_t row_stride, column_stride;
};

// A bilinear sample: the offsets of four cells (row low or high, then column low or high), in
// elements, and their weights. A corner outside the map has weight 0 and the offset of a cell of
// zeros.
template <typename T>
struct Sample {
  int64_t offset[4];
  T weight[4];
  T scale;  // of the sum: the mask of deform_conv2d
};

// Boxes that may suppress another, in a list of blocks.
template <typename T>
struct BoxBlock {
  static constexpr int64_t kBoxes = 16;
  T x1[kBoxes], y1[kBoxes], x2[kBoxes], y2[kBoxes], area[kBoxes];  // places not taken: no overlap
  int32_t next;                                                    // block, or -1
};

template <typename T>
struct Kernels {
  int64_t lanes;  // numbers in a vector

  // out[c * out_stride + r] = in[r * in_stride + c].
  void (*transpose)(const T* in, int64_t in_stride, int64_t rows, int64_t columns, T* out,
                    int64_t out_stride);
  void (*transpose_index)(const int32_t* in, int64_t in_stride, int64_t rows, int64_t columns,
                          int32_t* out, int64_t out_stride);
  // Planes, `plane_stride` apart, to cells of `channels` rounded up to vectors, zeros in the rest.
  void (*planes_to_cells)(const T* planes, int64_t plane_stride, int64_t channels, int64_t cells,
                          T* out, int64_t out_stride);

  // The pooled sums of `count` bins: out[b * out_stride + c], c < channels.
  void (*gather)(const Cells<const T>& in, const Tap<T>* taps, const BinTaps* bins, int64_t count,
                 int64_t channels, T* out, int64_t out_stride);
  // Its gradient: adds grad[b * grad_stride + c] by the same weights.
  void (*scatter)(const Cells<T>& out, const Tap<T>* taps, const BinTaps* bins, int64_t count,
                  int64_t channels, const T* grad, int64_t grad_stride);
  // The greatest cell of each bin, and which it was, row * width + column; -1 where no cell is
  // above `least`, and `least` is the value. A bin without cells is 0.
  void (*greatest)(const Cells<const T>& in, const BinCells* bins, int64_t count, int64_t width,
                   int64_t channels, T least, T* out, int32_t* argmax, int64_t out_stride);

  // out[i * out_stride + c]: sample i of channel c.
  void (*sample)(const T* in, const Sample<T>* samples, int64_t count, int64_t channels, T* out,
                 int64_t out_stride);
  // Its gradient for one sample: `out` receives the sample, grad_in its share of grad, and
  // dots[corner] grows by the sum over channels of grad * value at that corner.
  void (*sample_backward)(const T* in, const Sample<T>& sample, int64_t channels, const T* grad,
                          T* out, T* grad_in, T* dots);

  // The sum of a[i] * b[i].
  T (*dot)(const T* a, const T* b, int64_t count);

  // Whether a box of the lists that begin at `heads` has an IoU above `bound` with `box`
  // (x1, y1, x2, y2, area). The arithmetic is torchvision's to the bit.
  bool (*suppressed)(const BoxBlock<T>* blocks, const int32_t* heads, int64_t count, const T* box,
                     T bound);
};

// The kernels for the instruction set that torch uses (see ATEN_CPU_CAPABILITY); T: float, double.
template <typename T>
const Kernels<T>& kernels();

}  // namespace lanner::ops
