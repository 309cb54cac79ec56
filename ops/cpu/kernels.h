#pragma once

#include <cstdint>

namespace lanner::ops {

// The inner loops of the CPU operators, compiled once per instruction set (cpu/kernels/) and called
// through a table. They are independent of tensors, threads and RoIs.

// Floats in a vector of the widest instruction set; a multiple of the lanes of all others.
constexpr int64_t kMaxLanes = 16;

// A position along one axis of a feature map, and its weight in a bin.
template <typename T>
struct AxisWeight {
  int32_t index;
  T weight;
};

// A bin: the ranges of its weights on the two axes, [begin, end) in an array of AxisWeight. The
// weight of a pixel is the product of its weights on the two axes.
struct BinWeights {
  int32_t x_begin, x_end, y_begin, y_end;
};

// A bin of max pooling: the pixels [begin, end) on each axis.
struct BinRange {
  int32_t x_begin, x_end, y_begin, y_end;
};

// A feature map in NHWC layout: the channels of a pixel are contiguous. Strides are in elements.
template <typename T>
struct NhwcView {
  T* data;
  int64_t row_stride, column_stride;
};

// A bilinear sample: the offsets of the four corners in elements (low then high row, in each the
// low then the high column), and their weights. A corner outside the map has weight 0 and the
// offset of a pixel of zeros.
template <typename T>
struct Sample {
  int64_t offset[4];
  T weight[4];
  T scale;  // multiplies the weighted sum: the mask of deform_conv2d
};

// A block of a linked list of boxes that may suppress another box.
template <typename T>
struct BoxBlock {
  static constexpr int64_t kBoxes = 16;
  // Free slots hold a box that overlaps nothing.
  T x1[kBoxes], y1[kBoxes], x2[kBoxes], y2[kBoxes], area[kBoxes];
  // The next block of the list, or -1.
  int32_t next;
};

// A box of the dynamic convolution: its positions and channels, and the channels between its two
// products.
struct DynamicConvShape {
  int64_t positions, width, inner;
};

template <typename T>
struct Kernels {
  int64_t lanes;  // elements of T per vector

  // out[c * out_stride + r] = in[r * in_stride + c].
  void (*transpose)(const T* in, int64_t in_stride, int64_t rows, int64_t columns, T* out,
                    int64_t out_stride);
  void (*transpose_index)(const int32_t* in, int64_t in_stride, int64_t rows, int64_t columns,
                          int32_t* out, int64_t out_stride);
  // Transposes planes that are `plane_stride` elements apart to NHWC. The channels of each pixel
  // are padded with zeros to a whole number of vectors.
  void (*planes_to_nhwc)(const T* planes, int64_t plane_stride, int64_t channels, int64_t pixels,
                         T* out, int64_t out_stride);

  // Pools `count` bins: out[b * out_stride + c] is the weighted sum of channel c over bin b, for
  // all c below `channels`.
  void (*gather)(const NhwcView<const T>& in, const AxisWeight<T>* weights, const BinWeights* bins,
                 int64_t count, int64_t channels, T* out, int64_t out_stride);
  // The gradient of gather: adds grad[b * grad_stride + c] to the pixels of bin b with the same
  // weights.
  void (*scatter)(const NhwcView<T>& out, const AxisWeight<T>* weights, const BinWeights* bins,
                  int64_t count, int64_t channels, const T* grad, int64_t grad_stride);
  // The maximum of each bin and its position, row * width + column. If no value is above
  // `floor_value`, the maximum is `floor_value` and the position -1. An empty bin gives 0 and -1.
  void (*max_pool)(const NhwcView<const T>& in, const BinRange* bins, int64_t count, int64_t width,
                   int64_t channels, T floor_value, T* out, int32_t* argmax, int64_t out_stride);

  // out[i * out_stride + c] is sample i of channel c.
  void (*sample)(const T* in, const Sample<T>* samples, int64_t count, int64_t channels, T* out,
                 int64_t out_stride);
  // The gradient of one sample. Writes the sampled values to `out`, adds the gradient of the input
  // to grad_in, and adds the sum over channels of grad * (value at the corner) to dots[corner].
  void (*sample_backward)(const T* in, const Sample<T>& sample, int64_t channels, const T* grad,
                          T* out, T* grad_in, T* dots);

  // Returns the sum of a[i] * b[i].
  T (*dot)(const T* a, const T* b, int64_t count);

  // The dynamic convolution of one box (ops/dynamic_conv.h). scale, shift: [inner]. inner: zeros,
  // room for [inner, positions rounded up to kMaxLanes].
  void (*dynamic_conv)(const DynamicConvShape& shape, const T* weights, const T* scale,
                       const T* shift, T epsilon, T* features, T* inner);

  // Whether any box in the `count` lists starting at `heads` has an IoU above `bound` with `box`
  // (x1, y1, x2, y2, area). The arithmetic matches torchvision's bit for bit.
  bool (*suppressed)(const BoxBlock<T>* blocks, const int32_t* heads, int64_t count, const T* box,
                     T bound);
};

// Maps that are stored in fewer bits and computed with in float: bytes of zero points and scales,
// and uint16_t, which stores a bfloat16. Channels are whole vectors.
struct NarrowKernels {
  // As gather() of Kernels: pools scale * (value - zero).
  void (*gather_byte)(const NhwcView<const uint8_t>& in, const AxisWeight<float>* weights,
                      const BinWeights* bins, int64_t count, int64_t channels, float zero,
                      float scale, float* out, int64_t out_stride);
  void (*gather_bfloat16)(const NhwcView<const uint16_t>& in, const AxisWeight<float>* weights,
                          const BinWeights* bins, int64_t count, int64_t channels, float zero,
                          float scale, float* out, int64_t out_stride);
  // Rounds to nearest, ties to even.
  void (*to_bfloat16)(const float* in, int64_t count, uint16_t* out);
  // value / scale + zero, rounded and limited to 0..255.
  void (*to_bytes)(const float* in, int64_t count, float zero, float scale, uint8_t* out);
};

// The left factor of a matrix product, of any strides.
template <typename T>
struct WinogradFactor {
  const T* data;
  int64_t row_stride, depth_stride;
};

// Winograd's convolution of 4 x 4 outputs from 6 x 6 pixels. Pixels are in NHWC layout; channels
// are whole vectors. S: float, double, or uint16_t, which stores a bfloat16 and is computed in
// float.
template <typename S, typename T>
struct WinogradKernels {
  int64_t panel;  // the columns of b that multiply() takes at most

  // Transforms a tile: pixel i of 36 becomes row i of `out`.
  void (*input)(const S* const* pixels, int64_t channels, T* out, int64_t out_stride);
  // out [rows, columns] = a [rows, depth] * b [depth, columns], or += if `add`.
  void (*multiply)(const WinogradFactor<T>& a, int64_t rows, const T* b, int64_t b_stride,
                   int64_t depth, int64_t columns, bool add, T* out, int64_t out_stride);
  // Transforms 36 rows of products to 16 pixels, adds the bias, and the pixels if `add`. Pixels
  // that are null are not written. bias may be null.
  void (*output)(const T* products, int64_t stride, int64_t channels, const T* bias, bool relu,
                 bool add, S* const* pixels);
  // Transforms a tile of the gradient of the output, 16 pixels, to 36 rows.
  void (*grad)(const S* const* pixels, int64_t channels, T* out, int64_t out_stride);
  // Transforms 9 rows of taps to 36.
  void (*filter)(const T* taps, int64_t tap_stride, int64_t columns, T* out, int64_t out_stride);
  // Transforms 36 rows of products to the gradients of 9 taps.
  void (*filter_grad)(const T* products, int64_t stride, int64_t columns, T* taps,
                      int64_t tap_stride);
};

// All kernels of one instruction set.
struct Tables {
  Kernels<float> in_float;
  Kernels<double> in_double;
  NarrowKernels narrow;
  WinogradKernels<float, float> winograd_float;
  WinogradKernels<double, double> winograd_double;
  WinogradKernels<uint16_t, float> winograd_bfloat16;
};

// The kernels for the instruction set that torch selects (see ATEN_CPU_CAPABILITY). T: float or
// double.
template <typename T>
const Kernels<T>& kernels();
const NarrowKernels& narrow_kernels();
template <typename S, typename T>
const WinogradKernels<S, T>& winograd_kernels();

}  // namespace lanner::ops
