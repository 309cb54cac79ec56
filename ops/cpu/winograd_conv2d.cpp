#include "lanner/ops/winograd_conv2d.h"

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/kron.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/tensor.h>

#include <array>
#include <cmath>
#include <vector>

#include "lanner/ops/cpu/kernels.h"
#include "lanner/ops/cpu/nhwc_view.h"

namespace lanner::ops {
namespace {

constexpr int64_t kOut = 4, kIn = 6;  // the sides of a tile
constexpr int64_t kProducts = kIn * kIn;
// Tiles that are transformed at once: with 256 channels, 2 MB of transformed input.
constexpr int64_t kMaxTiles = 48, kTileStep = 6;

at::ScalarType compute_type(at::ScalarType type) {
  TORCH_CHECK(type == at::kFloat || type == at::kDouble || type == at::kBFloat16,
              "winograd_conv2d: input: expected float, double or bfloat16, got ", type);
  return type == at::kBFloat16 ? at::kFloat : type;
}

// G of G g G^T: [6, 3], whose rows are (1, p, p^2) / product of the differences of p and the other
// points; the last is that of infinity.
at::Tensor filter_transform() {
  const double a = std::sqrt(0.5), b = std::sqrt(2.0);
  const std::array points{0.0, a, -a, b, -b};
  std::vector<double> rows;
  for (const double p : points) {
    double differences = 1;
    for (const double q : points)
      if (p != q) differences *= p - q;
    rows.insert(rows.end(), {1 / differences, p / differences, p * p / differences});
  }
  rows.insert(rows.end(), {0, 0, 1});
  return at::tensor(rows, at::kDouble).view({kIn, 3});
}

struct Shape {
  int64_t batch, height, width, out_height, out_width, pad_y, pad_x;
  int64_t rows() const { return (out_height + kOut - 1) / kOut; }
  int64_t columns() const { return (out_width + kOut - 1) / kOut; }
  int64_t tiles() const { return batch * rows() * columns(); }
};

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
std::array<const S*, kProducts> input_pixels(const Shape& s, const Maps<S>& maps, const Tile& tile,
                                             const S* zeros) {
  std::array<const S*, kProducts> pixels;
  for (int64_t i = 0; i < kProducts; ++i) {
    const int64_t y = tile.y - s.pad_y + i / kIn, x = tile.x - s.pad_x + i % kIn;
    const bool inside = y >= 0 && y < s.height && x >= 0 && x < s.width;
    pixels[i] = inside ? maps.input + ((tile.image * s.height + y) * s.width + x) * maps.in_channels
                       : zeros;
  }
  return pixels;
}

// The 4 x 4 output pixels of a tile; null where they are outside the map.
template <typename S>
std::array<S*, kOut * kOut> output_pixels(const Shape& s, const Maps<S>& maps, const Tile& tile,
                                          int64_t channel) {
  std::array<S*, kOut * kOut> pixels{};
  for (int64_t i = 0; i < kOut * kOut; ++i) {
    const int64_t y = tile.y + i / kOut, x = tile.x + i % kOut;
    if (y < s.out_height && x < s.out_width)
      pixels[i] = maps.out + channel +
                  ((tile.image * s.out_height + y) * s.out_width + x) * maps.out_channels;
  }
  return pixels;
}

// S: how maps are stored; T: what they are computed in.
template <typename S, typename T>
void convolve(const Shape& s, const Maps<S>& maps, const T* weight, const T* bias, bool relu,
              bool add) {
  const auto& kernel = winograd_kernels<S, T>();
  const int64_t channels = maps.in_channels, panel = kernel.panel;
  // A line more for each of the 36, or they would share a few sets of the cache.
  const int64_t in_stride = channels + kMaxLanes, out_stride = panel + kMaxLanes;
  const std::vector<S> zeros(channels);
  const int64_t per_thread = (s.tiles() + at::get_num_threads() - 1) / at::get_num_threads();
  const int64_t block = std::min(kMaxTiles, round_up(per_thread, kTileStep));
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
        kernel.input(input_pixels(s, maps, tile_at(s, first + t), zeros.data()).data(), channels,
                     in + t * kProducts * in_stride, in_stride);
      for (int64_t o = 0; o < maps.out_channels; o += panel) {
        const int64_t columns = std::min(panel, maps.out_channels - o);
        for (int64_t i = 0; i < kProducts; ++i)
          kernel.multiply(in + i * in_stride, kProducts * in_stride, count,
                          weight + (i * maps.out_channels + o) * channels, channels, columns,
                          out + i * out_stride, kProducts * out_stride);
        for (int64_t t = 0; t < count; ++t)
          kernel.output(out + t * kProducts * out_stride, out_stride, columns,
                        bias ? bias + o : nullptr, relu, add,
                        output_pixels(s, maps, tile_at(s, first + t), o).data());
      }
    }
  });
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

WinogradWeight winograd_weight(const at::Tensor& weight, at::ScalarType type) {
  TORCH_CHECK(is_winograd_conv2d(weight, {1, 1}, {1, 1}, 1),
              "winograd_weight: weight: expected [O, C, 3, 3] with O and C in multiples of ",
              kMaxLanes, ", got ", weight.sizes());
  const int64_t out_channels = weight.size(0), in_channels = weight.size(1);
  const int64_t panel = type == at::kDouble ? winograd_kernels<double, double>().panel
                                            : winograd_kernels<float, float>().panel;
  const auto g = filter_transform();
  const auto both = at::kron(g, g);  // [36, 9]
  const auto taps =
      weight.detach().to(at::kDouble).permute({2, 3, 1, 0}).reshape({9, in_channels, out_channels});
  const auto values = empty_cached({kProducts, in_channels * out_channels}, compute_type(type));
  // For each product, panels of columns one after the other: [C, panel] each.
  for (int64_t o = 0; o < out_channels; o += panel) {
    const int64_t columns = std::min(panel, out_channels - o);
    values.narrow(1, o * in_channels, columns * in_channels)
        .copy_(at::mm(both, taps.narrow(2, o, columns).reshape({9, -1})));
  }
  return {in_channels, out_channels, values};
}

at::Tensor winograd_conv2d(const at::Tensor& input, const WinogradWeight& weight,
                           const at::Tensor& bias, at::IntArrayRef padding, bool relu,
                           at::Tensor addend) {
  const auto type = input.scalar_type(), computed = compute_type(type);
  check_map("input", input, type, weight.in_channels);
  TORCH_CHECK(weight.values.scalar_type() == computed, "winograd_conv2d: weight: expected ",
              computed, ", got ", weight.values.scalar_type());
  const Shape s{input.size(0),
                input.size(2),
                input.size(3),
                input.size(2) + 2 * padding[0] - 2,
                input.size(3) + 2 * padding[1] - 2,
                padding[0],
                padding[1]};
  TORCH_CHECK(s.out_height > 0 && s.out_width > 0 && padding[0] >= 0 && padding[1] >= 0,
              "winograd_conv2d: input: expected at least 3 x 3 pixels with padding ", padding,
              ", got ", input.sizes());
  TORCH_CHECK(!bias.defined() || bias.numel() == weight.out_channels,
              "winograd_conv2d: bias: expected [", weight.out_channels, "], got ", bias.sizes());
  auto out = addend;
  if (!out.defined())
    out = empty_cached({s.batch, weight.out_channels, s.out_height, s.out_width}, input.options(),
                       at::MemoryFormat::ChannelsLast);
  check_map("addend", out, type, weight.out_channels);
  TORCH_CHECK(out.size(0) == s.batch && out.size(2) == s.out_height && out.size(3) == s.out_width,
              "winograd_conv2d: addend: expected ", s.out_height, " x ", s.out_width,
              " pixels, got ", out.sizes());
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

}  // namespace lanner::ops
