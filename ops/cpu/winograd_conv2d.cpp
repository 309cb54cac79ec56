#include "lanner/ops/winograd_conv2d.h"

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <vector>

#include "lanner/ops/cpu/kernels.h"
#include "lanner/ops/cpu/nhwc_view.h"

namespace lanner::ops {
namespace {

constexpr int64_t kOut = 4, kIn = 6;  // the sides of a tile
constexpr int64_t kProducts = kIn * kIn;
// Tiles that are transformed at once: with 64 channels, 276 KB of transformed input.
constexpr int64_t kMaxTiles = 24, kTileStep = 6;

// The distance of the values of one of the 36 products from those of the next: a line more than
// they take, or all would share a few sets of the cache.
int64_t spaced(int64_t values) { return values + kMaxLanes; }

// So many that all threads have the same number of blocks.
int64_t tiles_per_block(int64_t tiles) {
  const int64_t threads = at::get_num_threads(), per_thread = (tiles + threads - 1) / threads;
  const int64_t blocks = (per_thread + kMaxTiles - 1) / kMaxTiles;
  return round_up((per_thread + blocks - 1) / blocks, kTileStep);
}

at::ScalarType compute_type(at::ScalarType type) {
  TORCH_CHECK(type == at::kFloat || type == at::kDouble || type == at::kBFloat16,
              "winograd_conv2d: input: expected float, double or bfloat16, got ", type);
  return type == at::kBFloat16 ? at::kFloat : type;
}

struct Shape {
  int64_t batch, height, width, out_height, out_width, pad_y, pad_x;
  int64_t rows() const { return (out_height + kOut - 1) / kOut; }
  int64_t columns() const { return (out_width + kOut - 1) / kOut; }
  int64_t tiles() const { return batch * rows() * columns(); }
};

Shape shape_of(const at::Tensor& input, at::IntArrayRef padding) {
  const Shape s{input.size(0),
                input.size(2),
                input.size(3),
                input.size(2) + 2 * padding[0] - 2,
                input.size(3) + 2 * padding[1] - 2,
                padding[0],
                padding[1]};
  TORCH_CHECK(
      s.batch > 0 && s.out_height > 0 && s.out_width > 0 && padding[0] >= 0 && padding[1] >= 0,
      "winograd_conv2d: input: expected images of at least 3 x 3 pixels with padding ", padding,
      ", got ", input.sizes());
  return s;
}

struct Tile {
  int64_t image, y, x;  // its first output
};

Tile tile_at(const Shape& s, int64_t index) {
  return {index / (s.rows() * s.columns()), index / s.columns() % s.rows() * kOut,
          index % s.columns() * kOut};
}

template <typename S>
struct Maps {
  const S* input;
  S* out;
  int64_t in_channels, out_channels;
};

// The 6 x 6 input pixels of a tile, row by row; `zeros` where they are outside the map.
template <typename S>
std::array<const S*, kProducts> input_pixels(const Shape& s, const S* input, int64_t channels,
                                             const Tile& tile, const S* zeros) {
  std::array<const S*, kProducts> pixels;
  for (int64_t i = 0; i < kProducts; ++i) {
    const int64_t y = tile.y - s.pad_y + i / kIn, x = tile.x - s.pad_x + i % kIn;
    const bool inside = y >= 0 && y < s.height && x >= 0 && x < s.width;
    pixels[i] = inside ? input + ((tile.image * s.height + y) * s.width + x) * channels : zeros;
  }
  return pixels;
}

// The 4 x 4 output pixels of a tile; `outside` where they are outside the map.
template <typename S>
std::array<S*, kOut * kOut> output_pixels(const Shape& s, S* out, int64_t channels,
                                          const Tile& tile, S* outside) {
  std::array<S*, kOut * kOut> pixels;
  for (int64_t i = 0; i < kOut * kOut; ++i) {
    const int64_t y = tile.y + i / kOut, x = tile.x + i % kOut;
    const bool inside = y < s.out_height && x < s.out_width;
    pixels[i] =
        inside ? out + ((tile.image * s.out_height + y) * s.out_width + x) * channels : outside;
  }
  return pixels;
}

// S: how maps are stored; T: what they are computed in.
template <typename S, typename T>
void convolve(const Shape& s, const Maps<S>& maps, const T* weight, const T* bias, bool relu,
              bool add) {
  const auto& kernel = winograd_kernels<S, T>();
  const int64_t channels = maps.in_channels, out_channels = maps.out_channels;
  const int64_t in_stride = spaced(channels), out_stride = spaced(out_channels);
  const int64_t plane = spaced(channels * out_channels);
  const std::vector<S> zeros(channels);
  const int64_t block = tiles_per_block(s.tiles());
  at::parallel_for(0, (s.tiles() + block - 1) / block, 1, [&](int64_t begin, int64_t end) {
    const auto type = c10::CppTypeToScalarType<T>::value;
    at::AutoDispatchBelowADInplaceOrView below_autograd;  // guards are per thread
    const auto transformed = empty_cached({block * kProducts * in_stride}, type),
               products = empty_cached({block * kProducts * out_stride}, type);
    T *in = transformed.template mutable_data_ptr<T>(),
      *out = products.template mutable_data_ptr<T>();
    for (int64_t first = begin * block; first < std::min(end * block, s.tiles()); first += block) {
      const int64_t count = std::min(block, s.tiles() - first);
      for (int64_t t = 0; t < count; ++t)
        kernel.input(
            input_pixels(s, maps.input, channels, tile_at(s, first + t), zeros.data()).data(),
            channels, in + t * kProducts * in_stride, in_stride);
      for (int64_t i = 0; i < kProducts; ++i)
        for (int64_t o = 0; o < out_channels; o += kernel.panel) {
          const int64_t columns = std::min(kernel.panel, out_channels - o);
          kernel.multiply({in + i * in_stride, kProducts * in_stride, 1}, count,
                          weight + i * plane + o * channels, columns, channels, columns, false,
                          out + i * out_stride + o, kProducts * out_stride);
        }
      for (int64_t t = 0; t < count; ++t)
        kernel.output(
            out + t * kProducts * out_stride, out_stride, out_channels, bias, relu, add,
            output_pixels<S>(s, maps.out, out_channels, tile_at(s, first + t), nullptr).data());
    }
  });
}

// The gradients of the taps, [9, C, O].
template <typename T>
at::Tensor tap_gradients(const Shape& s, const at::Tensor& input, const at::Tensor& grad) {
  constexpr int64_t kMaxBytes = 1 << 22;  // of transformed tiles
  const auto& kernel = winograd_kernels<T, T>();
  const int64_t in_channels = input.size(1), out_channels = grad.size(1);
  const std::vector<T> zeros(std::max(in_channels, out_channels));
  const int64_t tile_bytes = kProducts * (in_channels + out_channels) * sizeof(T);
  const int64_t block = std::clamp<int64_t>(kMaxBytes / tile_bytes, 1, s.tiles());
  const int64_t size = in_channels * out_channels, plane = spaced(size);
  const int64_t in_plane = spaced(block * in_channels), out_plane = spaced(block * out_channels);
  const auto type = input.scalar_type();
  const auto in_rows = empty_cached({kProducts * in_plane}, type),
             out_rows = empty_cached({kProducts * out_plane}, type),
             products = empty_cached({kProducts * plane}, type),
             taps = empty_cached({9, in_channels, out_channels}, type);
  const T *pixels = input.const_data_ptr<T>(), *grads = grad.const_data_ptr<T>();
  T *in = in_rows.template mutable_data_ptr<T>(), *out = out_rows.template mutable_data_ptr<T>(),
    *sums = products.template mutable_data_ptr<T>(), *result = taps.template mutable_data_ptr<T>();
  for (int64_t first = 0; first < s.tiles(); first += block) {
    const int64_t count = std::min(block, s.tiles() - first);
    at::parallel_for(0, count, kTileStep, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        const auto tile = tile_at(s, first + t);
        kernel.input(input_pixels(s, pixels, in_channels, tile, zeros.data()).data(), in_channels,
                     in + t * in_channels, in_plane);
        kernel.grad(output_pixels(s, grads, out_channels, tile, zeros.data()).data(), out_channels,
                    out + t * out_channels, out_plane);
      }
    });
    const int64_t panels = (out_channels + kernel.panel - 1) / kernel.panel;
    at::parallel_for(0, kProducts * panels, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        const int64_t i = p / panels, o = p % panels * kernel.panel;
        kernel.multiply({in + i * in_plane, 1, in_channels}, in_channels, out + i * out_plane + o,
                        out_channels, count, std::min(kernel.panel, out_channels - o), first > 0,
                        sums + i * plane + o, out_channels);
      }
    });
  }
  at::parallel_for(0, in_channels, kTileStep, [&](int64_t begin, int64_t end) {
    kernel.filter_grad(sums + begin * out_channels, plane, (end - begin) * out_channels,
                       result + begin * out_channels, size);
  });
  return taps;
}

// Transforms taps [9, C, O]. For each product, panels of columns follow one another: [C, panel].
template <typename T>
at::Tensor transform_taps(const at::Tensor& taps) {
  const auto& kernel = winograd_kernels<T, T>();
  const int64_t in_channels = taps.size(1), out_channels = taps.size(2);
  const int64_t size = in_channels * out_channels, plane = spaced(size);
  const auto values = empty_cached({kProducts, plane}, taps.scalar_type());
  const T* from = taps.const_data_ptr<T>();
  T* to = values.mutable_data_ptr<T>();
  at::parallel_for(0, in_channels, kTileStep, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c)
      for (int64_t o = 0; o < out_channels; o += kernel.panel) {
        const int64_t columns = std::min(kernel.panel, out_channels - o);
        kernel.filter(from + c * out_channels + o, size, columns,
                      to + o * in_channels + c * columns, plane);
      }
  });
  return values;
}

void check_map(const char* name, const at::Tensor& map, at::ScalarType type, int64_t channels) {
  TORCH_CHECK(map.dim() == 4 && map.size(1) == channels, "winograd_conv2d: ", name,
              ": expected [N, ", channels, ", H, W], got ", map.sizes());
  TORCH_CHECK(map.scalar_type() == type && map.is_cpu() &&
                  map.is_contiguous(at::MemoryFormat::ChannelsLast),
              "winograd_conv2d: ", name, ": expected a channels-last tensor of ", type,
              " on a CPU, got ", map.scalar_type(), " with strides ", map.strides(), " on ",
              map.device());
}

// A map of the size of the output.
void check_output(const char* name, const at::Tensor& map, at::ScalarType type, int64_t channels,
                  const Shape& s) {
  check_map(name, map, type, channels);
  TORCH_CHECK(map.size(0) == s.batch && map.size(2) == s.out_height && map.size(3) == s.out_width,
              "winograd_conv2d: ", name, ": expected ", s.out_height, " x ", s.out_width,
              " pixels, got ", map.sizes());
}

}  // namespace

bool is_winograd_conv2d(const at::Tensor& weight, at::IntArrayRef stride, at::IntArrayRef dilation,
                        int64_t groups) {
  const auto ones = [](at::IntArrayRef numbers) {
    return std::all_of(numbers.begin(), numbers.end(), [](int64_t n) { return n == 1; });
  };
  return weight.dim() == 4 && weight.size(2) == 3 && weight.size(3) == 3 && ones(stride) &&
         ones(dilation) && groups == 1 && weight.size(0) % kMaxLanes == 0 &&
         weight.size(1) % kMaxLanes == 0 && weight.numel() > 0;
}

WinogradWeight winograd_weight(const at::Tensor& weight, at::ScalarType type, bool transposed) {
  TORCH_CHECK(is_winograd_conv2d(weight, {1, 1}, {1, 1}, 1),
              "winograd_weight: weight: expected [O, C, 3, 3] with O and C in multiples of ",
              kMaxLanes, ", got ", weight.sizes());
  const auto computed = compute_type(type);
  const int64_t out_channels = weight.size(0), in_channels = weight.size(1);
  // [O, 9, C]: a view of channels-last weights.
  const auto rows = weight.detach().to(computed).permute({0, 2, 3, 1}).flatten(1, 2);
  const auto taps = transposed
                        ? rows.flip(1).transpose(0, 1).contiguous()
                        : rows.flatten(1).t().contiguous().view({9, in_channels, out_channels});
  return {taps.size(1), taps.size(2),
          computed == at::kDouble ? transform_taps<double>(taps) : transform_taps<float>(taps)};
}

at::Tensor winograd_conv2d(const at::Tensor& input, const WinogradWeight& weight,
                           const at::Tensor& bias, at::IntArrayRef padding, bool relu,
                           at::Tensor addend) {
  const auto type = input.scalar_type(), computed = compute_type(type);
  check_map("input", input, type, weight.in_channels);
  TORCH_CHECK(weight.values.scalar_type() == computed, "winograd_conv2d: weight: expected ",
              computed, ", got ", weight.values.scalar_type());
  const auto s = shape_of(input, padding);
  TORCH_CHECK(!bias.defined() || bias.numel() == weight.out_channels,
              "winograd_conv2d: bias: expected [", weight.out_channels, "], got ", bias.sizes());
  auto out = addend;
  if (!out.defined())
    out = empty_cached({s.batch, weight.out_channels, s.out_height, s.out_width}, input.options(),
                       at::MemoryFormat::ChannelsLast);
  check_output("addend", out, type, weight.out_channels, s);
  const auto shift = bias.defined() ? bias.to(computed).contiguous() : bias;
  const auto run = [&]<typename S, typename T>(S, T) {
    const Maps<S> maps{static_cast<const S*>(input.const_data_ptr()),
                       static_cast<S*>(out.mutable_data_ptr()), weight.in_channels,
                       weight.out_channels};
    convolve<S, T>(s, maps, weight.values.const_data_ptr<T>(),
                   shift.defined() ? shift.const_data_ptr<T>() : nullptr, relu, addend.defined());
  };
  if (type == at::kDouble)
    run(0.0, 0.0);
  else if (type == at::kFloat)
    run(0.0f, 0.0f);
  else
    run(uint16_t{}, 0.0f);
  return out;
}

at::Tensor winograd_conv2d_weight_grad(const at::Tensor& input, const at::Tensor& grad,
                                       at::IntArrayRef padding) {
  const auto type = input.scalar_type();
  TORCH_CHECK(type == at::kFloat || type == at::kDouble,
              "winograd_conv2d_weight_grad: input: expected float or double, got ", type);
  TORCH_CHECK(grad.dim() == 4 && input.dim() == 4 && grad.size(1) % kMaxLanes == 0 &&
                  input.size(1) % kMaxLanes == 0,
              "winograd_conv2d_weight_grad: input and grad: expected 4 axes and channels in "
              "multiples of ",
              kMaxLanes, ", got ", input.sizes(), " and ", grad.sizes());
  check_map("input", input, type, input.size(1));
  const auto s = shape_of(input, padding);
  check_output("grad", grad, type, grad.size(1), s);
  const auto taps = type == at::kDouble ? tap_gradients<double>(s, input, grad)
                                        : tap_gradients<float>(s, input, grad);
  const int64_t in_channels = input.size(1), out_channels = grad.size(1);
  return taps.view({9 * in_channels, out_channels})
      .t()
      .contiguous()
      .view({out_channels, 3, 3, in_channels})
      .permute({0, 3, 1, 2});
}

}  // namespace lanner::ops
