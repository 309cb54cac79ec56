#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/library.h>

#include <vector>

#include "lanner/ops/cpu/cells.h"
#include "lanner/ops/cpu/matrix.h"
#include "lanner/ops/cpu/rois.h"
#include "lanner/ops/deform_conv2d_checks.h"

namespace lanner::ops {
namespace {

using Optional = std::optional<at::Tensor>;

// Offsets and masks of one image and offset group; mask may be null.
template <typename T>
struct Deformation {
  const T *offset, *mask;

  Deformation(const DeformConvShape& s, const at::Tensor& offsets, const at::Tensor& masks,
              int64_t image, int64_t group)
      : offset(offsets.const_data_ptr<T>() +
               (image * s.offset_groups + group) * 2 * s.taps() * s.positions()),
        mask(masks.defined() ? masks.const_data_ptr<T>() +
                                   (image * s.offset_groups + group) * s.taps() * s.positions()
                             : nullptr) {}

  T scale(const DeformConvShape& s, int64_t tap, int64_t position) const {
    return mask ? mask[tap * s.positions() + position] : T(1);
  }
};

// For cells `stride` apart, with a cell of zeros after the last.
template <typename T>
Sample<T> place(const DeformConvShape& s, const ZeroPaddedSample<T>& at, T scale, int64_t stride) {
  Sample<T> sample;
  for (int corner = 0; corner < 4; ++corner) {
    const int64_t cell = at.cell(corner, s.height, s.width);
    sample.offset[corner] = (cell < 0 ? s.cells() : cell) * stride;
    sample.weight[corner] = cell < 0 ? T(0) : at.weight(corner);
  }
  sample.scale = scale;
  return sample;
}

constexpr int64_t kTile = 256;  // output positions that are sampled before they are multiplied

// a [groups, M, K] times the transpose of b [groups, N, K].
at::Tensor products(const at::Tensor& a, const at::Tensor& b) {
  if (a.size(0) > 1) return at::bmm(a, b.transpose(1, 2));
  return times_transposed(a.select(0, 0), b.select(0, 0)).unsqueeze(0);
}

// columns: [positions, taps * C], what the kernel of each position sees; weight: [O, taps * C / G],
// group by group. Returns [positions, O].
at::Tensor multiply(const DeformConvShape& s, const at::Tensor& columns, const at::Tensor& weight,
                    const Optional& bias) {
  if (s.weight_groups == 1) return times_transposed(columns, weight, bias);
  const auto grouped = columns.view({-1, s.taps(), s.weight_groups, s.channels / s.weight_groups})
                           .permute({2, 0, 1, 3})
                           .reshape({s.weight_groups, columns.size(0), -1});
  auto result =
      products(grouped, weight.view({s.weight_groups, s.out_channels / s.weight_groups, -1}))
          .permute({1, 0, 2})
          .reshape({columns.size(0), s.out_channels});
  if (bias) result.add_(*bias);
  return result;
}

template <typename T>
void forward(const DeformConvShape& s, const at::Tensor& input, const at::Tensor& offset,
             const at::Tensor& weight, const at::Tensor& mask, const Optional& bias,
             at::Tensor& output, bool channels_last) {
  const auto& kernel = kernels<T>();
  const int64_t stride = round_up(s.channels, kernel.lanes), own = s.channels / s.offset_groups;
  const auto cells = fresh({s.cells() + 1, stride}, input.options());
  T* cell = cells.template mutable_data_ptr<T>();
  std::fill_n(cell + s.cells() * stride, stride, T(0));
  const int64_t tiles = (s.positions() + kTile - 1) / kTile, block = 4 * kernel.lanes;
  for (int64_t image = 0; image < s.batch; ++image) {
    at::parallel_for(0, (s.channels + block - 1) / block, 1, [&](int64_t begin, int64_t end) {
      for (int64_t c = begin * block; c < std::min(end * block, s.channels); c += block)
        kernel.planes_to_cells(input.const_data_ptr<T>() + (image * s.channels + c) * s.cells(),
                               s.cells(), std::min(block, s.channels - c), s.cells(), cell + c,
                               stride);
    });
    at::parallel_for(0, tiles, 1, [&](int64_t begin, int64_t end) {
      at::AutoDispatchBelowADInplaceOrView below_autograd;  // a guard is its thread's own
      std::vector<Sample<T>> samples(kTile);
      for (int64_t tile = begin; tile < end; ++tile) {
        const int64_t first = tile * kTile, count = std::min(kTile, s.positions() - first);
        auto columns = at::empty({count, s.taps() * s.channels}, input.options());
        for (int64_t group = 0; group < s.offset_groups; ++group) {
          const Deformation<T> deformation(s, offset, mask, image, group);
          for (int64_t tap = 0; tap < s.taps(); ++tap) {
            for (int64_t p = 0; p < count; ++p)
              samples[p] = place(s, deform_conv_sample<T>(s, tap, first + p, deformation.offset),
                                 deformation.scale(s, tap, first + p), stride);
            kernel.sample(cell + group * own, samples.data(), count, own,
                          columns.template mutable_data_ptr<T>() + tap * s.channels + group * own,
                          s.taps() * s.channels);
          }
        }
        const auto result = multiply(s, columns, weight, bias).contiguous();
        write_bins(result.const_data_ptr<T>(), s.out_channels, count, s.out_channels, channels_last,
                   output.mutable_data_ptr<T>() + image * s.out_channels * s.positions() +
                       first * (channels_last ? s.out_channels : 1),
                   s.out_channels, s.positions());
      }
    });
  }
}

at::Tensor by_taps(const at::Tensor& weight, at::ScalarType type) {  // [O, taps * C / groups]
  return weight.to(type).permute({0, 2, 3, 1}).reshape({weight.size(0), -1});
}

at::Tensor deform_conv2d_cpu(const at::Tensor& input, const at::Tensor& offset,
                             const at::Tensor& weight, const Optional& mask, const Optional& bias,
                             at::IntArrayRef stride, at::IntArrayRef padding,
                             at::IntArrayRef dilation) {
  check_deform_conv2d(input, offset, weight, mask, bias, stride, padding, dilation);
  const auto s = deform_conv_shape(input, offset, weight, stride, padding, dilation);
  const auto type = compute_type(input.scalar_type());
  const auto format = input.suggest_memory_format();
  const auto in = input.to(type).contiguous();
  const auto masks = mask ? mask->to(type).contiguous() : at::Tensor();
  auto out = fresh({s.batch, s.out_channels, s.out_height, s.out_width}, in.options(), format);
  const auto run = [&]<typename T>(T) {
    forward<T>(s, in, offset.to(type).contiguous(), by_taps(weight, type), masks,
               bias ? Optional(bias->to(type).contiguous()) : bias, out,
               format == at::MemoryFormat::ChannelsLast);
  };
  if (in.numel() == 0) {  // a batch of none, or no cells but padding
    out.zero_();
    if (bias) out.add_(bias->to(type).view({1, -1, 1, 1}));
  } else
    type == at::kDouble ? run(0.0) : run(0.0f);
  return out.to(input.scalar_type());
}

// Channels of one offset group that lie in one weight group, or are some weight groups.
struct Part {
  int64_t first, channels, offset_group, weight_group, weight_groups;
};

std::vector<Part> parts(const DeformConvShape& s, int64_t most) {
  std::vector<Part> result;
  const int64_t weighted = s.channels / s.weight_groups, moved = s.channels / s.offset_groups;
  for (int64_t c = 0; c < s.channels;) {
    const int64_t moved_end = (c / moved + 1) * moved, weighted_end = (c / weighted + 1) * weighted;
    int64_t end = std::min({c + most, moved_end, weighted_end});
    if (c % weighted == 0)  // more whole groups, where they fit
      while (end % weighted == 0 && end + weighted <= std::min(c + most, moved_end))
        end += weighted;
    result.push_back(
        {c, end - c, c / moved, c / weighted, std::max<int64_t>((end - c) / weighted, 1)});
    c = end;
  }
  return result;
}

struct Gradients {
  at::Tensor input, offset, weight, mask;
};

// Each thread owns parts of the channels: their share of the gradients of input and weight is
// nobody else's, and their shares of those of offset and mask are added in order. Deterministic,
// without atomics.
template <typename T>
Gradients backward(const DeformConvShape& s, const at::Tensor& grad, const at::Tensor& input,
                   const at::Tensor& offset, const at::Tensor& weight, const at::Tensor& mask) {
  const auto& kernel = kernels<T>();
  const int64_t taps = s.taps(), positions = s.positions();
  constexpr int64_t kLarger = 2 * kTile;
  const auto all = parts(s, 4 * kernel.lanes);
  const int64_t own_out = s.out_channels / s.weight_groups, own_in = s.channels / s.weight_groups;
  // [groups, N * positions, O / groups]
  const auto grads =
      grad.view({s.batch, s.weight_groups, own_out, positions}).permute({1, 0, 3, 2}).contiguous();
  const auto weights = weight.view({s.weight_groups, own_out, taps, own_in});
  Gradients result{fresh(input.sizes(), input.options()), at::zeros_like(offset),
                   at::empty({s.weight_groups, own_out, taps, own_in}, input.options()),
                   mask.defined() ? at::zeros_like(mask) : at::Tensor()};
  const int64_t count = static_cast<int64_t>(all.size());
  // Of each part: the derivatives by y, x and mask of each tap and position.
  const auto shares = at::empty({count, s.batch, taps, 3, positions}, input.options());
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    for (int64_t i = begin; i < end; ++i) {
      const auto& part = all[i];
      const int64_t width = round_up(part.channels, kernel.lanes);
      const MapShape map{s.batch, s.channels, s.height, s.width};
      auto cells = fresh({(s.cells() + 1) * width}, input.options());
      auto grad_cells = fresh({(s.cells() + 1) * width}, input.options());
      T *cell = cells.template mutable_data_ptr<T>(),
        *grad_cell = grad_cells.template mutable_data_ptr<T>();
      const int64_t groups = part.weight_groups, group_channels = part.channels / groups;
      // [groups, taps * channels, O / groups]
      const auto own_weight = weights.narrow(0, part.weight_group, groups)
                                  .narrow(3, part.first % own_in, group_channels)
                                  .reshape({groups, own_out, taps * group_channels})
                                  .transpose(1, 2)
                                  .contiguous();
      auto grad_weight = at::zeros({groups, own_out, taps * group_channels}, input.options());
      for (int64_t image = 0; image < s.batch; ++image) {
        const Slice slice{image, 0, part.first, part.channels, width};
        read_cells(input.const_data_ptr<T>(), map, slice, Rows{0, s.height}, cell);
        std::fill_n(cell + s.cells() * width, width, T(0));
        std::fill_n(grad_cell, (s.cells() + 1) * width, T(0));
        const Deformation<T> deformation(s, offset, mask, image, part.offset_group);
        T* share =
            shares.template mutable_data_ptr<T>() + (i * s.batch + image) * taps * 3 * positions;
        for (int64_t first = 0; first < positions; first += kLarger) {
          const int64_t tile = std::min(kLarger, positions - first);
          const auto own_grad =  // [groups, tile, O / groups]
              grads.narrow(0, part.weight_group, groups).select(1, image).narrow(1, first, tile);
          const auto grad_columns = products(own_grad, own_weight)
                                        .view({groups, tile, taps, group_channels})
                                        .permute({1, 2, 0, 3})
                                        .contiguous();
          auto columns = at::empty_like(grad_columns);
          const T* from = grad_columns.template const_data_ptr<T>();
          T* to = columns.template mutable_data_ptr<T>();
          for (int64_t p = 0; p < tile; ++p)
            for (int64_t tap = 0; tap < taps; ++tap) {
              const auto at = deform_conv_sample<T>(s, tap, first + p, deformation.offset);
              const T scale = deformation.scale(s, tap, first + p);
              const int64_t row = (p * taps + tap) * part.channels;
              T dots[4] = {};
              kernel.sample_backward(cell, place(s, at, scale, width), part.channels, from + row,
                                     to + row, grad_cell, dots);
              T* own = share + tap * 3 * positions + first + p;
              own[0] = scale * at.along_y(dots);
              own[positions] = scale * at.along_x(dots);
              own[2 * positions] = 0;
              for (int corner = 0; corner < 4; ++corner)
                own[2 * positions] += at.weight(corner) * dots[corner];
            }
          grad_weight.add_(products(
              own_grad.transpose(1, 2),
              columns.permute({2, 1, 3, 0}).reshape({groups, taps * group_channels, tile})));
        }
        write_cells(grad_cell, map, slice, Rows{0, s.height},
                    result.input.template mutable_data_ptr<T>());
      }
      result.weight.narrow(0, part.weight_group, groups)
          .narrow(3, part.first % own_in, group_channels)
          .copy_(grad_weight.view({groups, own_out, taps, group_channels}));
    }
  });
  auto offsets = result.offset.view({s.batch, s.offset_groups, taps, 2, positions});
  for (int64_t i = 0; i < count; ++i) {
    const auto share = shares.select(0, i);
    offsets.select(1, all[i].offset_group).add_(share.narrow(2, 0, 2));
    if (mask.defined())
      result.mask.view({s.batch, s.offset_groups, taps, positions})
          .select(1, all[i].offset_group)
          .add_(share.select(2, 2));
  }
  result.weight = result.weight.view({s.out_channels, s.kernel_height, s.kernel_width, own_in})
                      .permute({0, 3, 1, 2})
                      .contiguous();
  return result;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> deform_conv2d_backward_cpu(
    const at::Tensor& grad, const at::Tensor& input, const at::Tensor& offset,
    const at::Tensor& weight, const Optional& mask, at::IntArrayRef stride, at::IntArrayRef padding,
    at::IntArrayRef dilation) {
  check_deform_conv2d_backward(grad, input, offset, weight, mask, stride, padding, dilation);
  const auto s = deform_conv_shape(input, offset, weight, stride, padding, dilation);
  const auto type = compute_type(input.scalar_type());
  const auto plain = [&](const at::Tensor& tensor) { return tensor.to(type).contiguous(); };
  const auto masks = mask ? plain(*mask) : at::Tensor();
  Gradients result;
  if (input.numel() == 0 || s.positions() == 0)
    result = {at::zeros_like(input), at::zeros_like(offset), at::zeros_like(weight),
              mask ? at::zeros_like(*mask) : at::Tensor()};
  else if (type == at::kDouble)
    result =
        backward<double>(s, plain(grad), plain(input), plain(offset), by_taps(weight, type), masks);
  else
    result =
        backward<float>(s, plain(grad), plain(input), plain(offset), by_taps(weight, type), masks);
  const auto own = input.scalar_type();
  return {result.input.to(own).contiguous(input.suggest_memory_format()), result.offset.to(own),
          result.weight.to(own), mask ? result.mask.to(own) : at::empty({0}, input.options())};
}

TORCH_LIBRARY_IMPL(lanner, CPU, m) {
  m.impl("deform_conv2d", deform_conv2d_cpu);
  m.impl("_deform_conv2d_backward", deform_conv2d_backward_cpu);
}

}  // namespace
}  // namespace lanner::ops
