#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/library.h>

#include <vector>

#include "lanner/ops/cpu/nhwc_view.h"
#include "lanner/ops/cpu/rois.h"
#include "lanner/ops/deform_conv2d_checks.h"
#include "lanner/ops/matmul_transposed.h"

namespace lanner::ops {
namespace {

using Optional = std::optional<at::Tensor>;

// The offsets and masks of one image and offset group. mask is null if there is none.
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

// Converts a sample for an NHWC buffer with `stride` elements per pixel and a pixel of zeros at the
// end.
template <typename T>
Sample<T> to_kernel_sample(const DeformConvShape& s, const ZeroPaddedSample<T>& sample_point,
                           T scale, int64_t stride) {
  Sample<T> sample;
  for (int corner = 0; corner < 4; ++corner) {
    const int64_t index = sample_point.pixel_index(corner, s.height, s.width);
    sample.offset[corner] = (index < 0 ? s.pixels() : index) * stride;
    sample.weight[corner] = index < 0 ? T(0) : sample_point.weight(corner);
  }
  sample.scale = scale;
  return sample;
}

constexpr int64_t kTile = 256;  // output positions per matrix product

// Returns a [groups, M, K] times the transpose of b [groups, N, K]: [groups, M, N].
at::Tensor products_transposed(const at::Tensor& a, const at::Tensor& b) {
  if (a.size(0) > 1) return at::bmm(a, b.transpose(1, 2));
  return times_transposed(a.select(0, 0), b.select(0, 0)).unsqueeze(0);
}

// columns: [positions, taps * C], the sampled inputs of each position; weight: [O, taps * C /
// groups], ordered by group. Returns [positions, O].
at::Tensor multiply_columns(const DeformConvShape& s, const at::Tensor& columns,
                            const at::Tensor& weight, const Optional& bias) {
  if (s.weight_groups == 1) return times_transposed(columns, weight, bias);
  const auto grouped = columns.view({-1, s.taps(), s.weight_groups, s.channels / s.weight_groups})
                           .permute({2, 0, 1, 3})
                           .reshape({s.weight_groups, columns.size(0), -1});
  auto result = products_transposed(
                    grouped, weight.view({s.weight_groups, s.out_channels / s.weight_groups, -1}))
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
  const int64_t stride = round_up(s.channels, kernel.lanes),
                group_channels = s.channels / s.offset_groups;
  const auto nhwc = empty_cached({s.pixels() + 1, stride}, input.options());
  T* nhwc_data = nhwc.template mutable_data_ptr<T>();
  std::fill_n(nhwc_data + s.pixels() * stride, stride, T(0));
  const int64_t tiles = (s.positions() + kTile - 1) / kTile, channel_block = 4 * kernel.lanes;
  for (int64_t image = 0; image < s.batch; ++image) {
    at::parallel_for(
        0, (s.channels + channel_block - 1) / channel_block, 1, [&](int64_t begin, int64_t end) {
          for (int64_t c = begin * channel_block; c < std::min(end * channel_block, s.channels);
               c += channel_block)
            kernel.planes_to_nhwc(input.const_data_ptr<T>() + (image * s.channels + c) * s.pixels(),
                                  s.pixels(), std::min(channel_block, s.channels - c), s.pixels(),
                                  nhwc_data + c, stride);
        });
    at::parallel_for(0, tiles, 1, [&](int64_t begin, int64_t end) {
      at::AutoDispatchBelowADInplaceOrView below_autograd;  // guards are per thread
      std::vector<Sample<T>> samples(kTile);
      for (int64_t tile = begin; tile < end; ++tile) {
        const int64_t first = tile * kTile, count = std::min(kTile, s.positions() - first);
        auto columns = at::empty({count, s.taps() * s.channels}, input.options());
        for (int64_t group = 0; group < s.offset_groups; ++group) {
          const Deformation<T> deformation(s, offset, mask, image, group);
          for (int64_t tap = 0; tap < s.taps(); ++tap) {
            for (int64_t p = 0; p < count; ++p)
              samples[p] =
                  to_kernel_sample(s, deform_conv_sample<T>(s, tap, first + p, deformation.offset),
                                   deformation.scale(s, tap, first + p), stride);
            kernel.sample(
                nhwc_data + group * group_channels, samples.data(), count, group_channels,
                columns.template mutable_data_ptr<T>() + tap * s.channels + group * group_channels,
                s.taps() * s.channels);
          }
        }
        const auto result = multiply_columns(s, columns, weight, bias).contiguous();
        write_output(result.const_data_ptr<T>(), s.out_channels, count, s.out_channels,
                     channels_last,
                     output.mutable_data_ptr<T>() + image * s.out_channels * s.positions() +
                         first * (channels_last ? s.out_channels : 1),
                     s.out_channels, s.positions());
      }
    });
  }
}

at::Tensor weight_by_tap(const at::Tensor& weight, at::ScalarType type) {  // [O, taps * C / groups]
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
  auto out =
      empty_cached({s.batch, s.out_channels, s.out_height, s.out_width}, in.options(), format);
  const auto run = [&]<typename T>(T) {
    forward<T>(s, in, offset.to(type).contiguous(), weight_by_tap(weight, type), masks,
               bias ? Optional(bias->to(type).contiguous()) : bias, out,
               format == at::MemoryFormat::ChannelsLast);
  };
  if (in.numel() == 0) {  // an empty batch, or an input that is only padding
    out.zero_();
    if (bias) out.add_(bias->to(type).view({1, -1, 1, 1}));
  } else
    type == at::kDouble ? run(0.0) : run(0.0f);
  return out.to(input.scalar_type());
}

// Consecutive channels of one offset group that are within one weight group or form whole weight
// groups.
struct Part {
  int64_t first, channels, offset_group, weight_group, weight_groups;
};

std::vector<Part> parts(const DeformConvShape& s, int64_t max_channels) {
  std::vector<Part> result;
  const int64_t per_weight_group = s.channels / s.weight_groups,
                per_offset_group = s.channels / s.offset_groups;
  for (int64_t c = 0; c < s.channels;) {
    const int64_t offset_group_end = (c / per_offset_group + 1) * per_offset_group,
                  weight_group_end = (c / per_weight_group + 1) * per_weight_group;
    int64_t end = std::min({c + max_channels, offset_group_end, weight_group_end});
    if (c % per_weight_group == 0)  // add whole weight groups while they fit
      while (end % per_weight_group == 0 &&
             end + per_weight_group <= std::min(c + max_channels, offset_group_end))
        end += per_weight_group;
    result.push_back({c, end - c, c / per_offset_group, c / per_weight_group,
                      std::max<int64_t>((end - c) / per_weight_group, 1)});
    c = end;
  }
  return result;
}

struct Gradients {
  at::Tensor input, offset, weight, mask;
};

// Each thread processes its own parts of the channels. It alone writes their gradients of input and
// weight. The gradients of offset and mask are stored per part and added in order, which is
// deterministic without atomics.
template <typename T>
Gradients backward(const DeformConvShape& s, const at::Tensor& grad, const at::Tensor& input,
                   const at::Tensor& offset, const at::Tensor& weight, const at::Tensor& mask) {
  const auto& kernel = kernels<T>();
  const int64_t taps = s.taps(), positions = s.positions();
  constexpr int64_t kBackwardTile = 2 * kTile;
  const auto channel_parts = parts(s, 4 * kernel.lanes);
  const int64_t group_out = s.out_channels / s.weight_groups,
                group_in = s.channels / s.weight_groups;
  // [groups, N * positions, O / groups]
  const auto grad_rows = grad.view({s.batch, s.weight_groups, group_out, positions})
                             .permute({1, 0, 3, 2})
                             .contiguous();
  const auto weights = weight.view({s.weight_groups, group_out, taps, group_in});
  Gradients result{empty_cached(input.sizes(), input.options()), at::zeros_like(offset),
                   at::empty({s.weight_groups, group_out, taps, group_in}, input.options()),
                   mask.defined() ? at::zeros_like(mask) : at::Tensor()};
  const int64_t count = static_cast<int64_t>(channel_parts.size());
  // For each part: the derivatives with respect to y, x and mask, per tap and position.
  const auto partial_grads = at::empty({count, s.batch, taps, 3, positions}, input.options());
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    for (int64_t i = begin; i < end; ++i) {
      const auto& part = channel_parts[i];
      const int64_t width = round_up(part.channels, kernel.lanes);
      const MapShape map{s.batch, s.channels, s.height, s.width};
      auto nhwc = empty_cached({(s.pixels() + 1) * width}, input.options());
      auto grad_nhwc = empty_cached({(s.pixels() + 1) * width}, input.options());
      T *nhwc_data = nhwc.template mutable_data_ptr<T>(),
        *grad_nhwc_data = grad_nhwc.template mutable_data_ptr<T>();
      const int64_t groups = part.weight_groups, group_channels = part.channels / groups;
      // [groups, taps * channels, O / groups]
      const auto part_weight = weights.narrow(0, part.weight_group, groups)
                                   .narrow(3, part.first % group_in, group_channels)
                                   .reshape({groups, group_out, taps * group_channels})
                                   .transpose(1, 2)
                                   .contiguous();
      auto grad_weight = at::zeros({groups, group_out, taps * group_channels}, input.options());
      for (int64_t image = 0; image < s.batch; ++image) {
        const Slice slice{image, 0, part.first, part.channels, width};
        read_nhwc(input.const_data_ptr<T>(), map, slice, Rows{0, s.height}, nhwc_data);
        std::fill_n(nhwc_data + s.pixels() * width, width, T(0));
        std::fill_n(grad_nhwc_data, (s.pixels() + 1) * width, T(0));
        const Deformation<T> deformation(s, offset, mask, image, part.offset_group);
        T* part_grads = partial_grads.template mutable_data_ptr<T>() +
                        (i * s.batch + image) * taps * 3 * positions;
        for (int64_t first = 0; first < positions; first += kBackwardTile) {
          const int64_t tile = std::min(kBackwardTile, positions - first);
          const auto tile_grad =  // [groups, tile, O / groups]
              grad_rows.narrow(0, part.weight_group, groups)
                  .select(1, image)
                  .narrow(1, first, tile);
          const auto grad_columns = products_transposed(tile_grad, part_weight)
                                        .view({groups, tile, taps, group_channels})
                                        .permute({1, 2, 0, 3})
                                        .contiguous();
          auto columns = at::empty_like(grad_columns);
          const T* grad_column_data = grad_columns.template const_data_ptr<T>();
          T* column_data = columns.template mutable_data_ptr<T>();
          for (int64_t p = 0; p < tile; ++p)
            for (int64_t tap = 0; tap < taps; ++tap) {
              const auto sample_point =
                  deform_conv_sample<T>(s, tap, first + p, deformation.offset);
              const T scale = deformation.scale(s, tap, first + p);
              const int64_t row = (p * taps + tap) * part.channels;
              T dots[4] = {};
              kernel.sample_backward(nhwc_data, to_kernel_sample(s, sample_point, scale, width),
                                     part.channels, grad_column_data + row, column_data + row,
                                     grad_nhwc_data, dots);
              T* tap_grads = part_grads + tap * 3 * positions + first + p;
              tap_grads[0] = scale * sample_point.derivative_y(dots);
              tap_grads[positions] = scale * sample_point.derivative_x(dots);
              tap_grads[2 * positions] = 0;
              for (int corner = 0; corner < 4; ++corner)
                tap_grads[2 * positions] += sample_point.weight(corner) * dots[corner];
            }
          grad_weight.add_(products_transposed(
              tile_grad.transpose(1, 2),
              columns.permute({2, 1, 3, 0}).reshape({groups, taps * group_channels, tile})));
        }
        write_nhwc(grad_nhwc_data, map, slice, Rows{0, s.height},
                   result.input.template mutable_data_ptr<T>());
      }
      result.weight.narrow(0, part.weight_group, groups)
          .narrow(3, part.first % group_in, group_channels)
          .copy_(grad_weight.view({groups, group_out, taps, group_channels}));
    }
  });
  auto offsets = result.offset.view({s.batch, s.offset_groups, taps, 2, positions});
  for (int64_t i = 0; i < count; ++i) {
    const auto part_grads = partial_grads.select(0, i);
    offsets.select(1, channel_parts[i].offset_group).add_(part_grads.narrow(2, 0, 2));
    if (mask.defined())
      result.mask.view({s.batch, s.offset_groups, taps, positions})
          .select(1, channel_parts[i].offset_group)
          .add_(part_grads.select(2, 2));
  }
  result.weight = result.weight.view({s.out_channels, s.kernel_height, s.kernel_width, group_in})
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
  const auto to_compute = [&](const at::Tensor& tensor) { return tensor.to(type).contiguous(); };
  const auto masks = mask ? to_compute(*mask) : at::Tensor();
  Gradients result;
  if (input.numel() == 0 || s.positions() == 0)
    result = {at::zeros_like(input), at::zeros_like(offset), at::zeros_like(weight),
              mask ? at::zeros_like(*mask) : at::Tensor()};
  else if (type == at::kDouble)
    result = backward<double>(s, to_compute(grad), to_compute(input), to_compute(offset),
                              weight_by_tap(weight, type), masks);
  else
    result = backward<float>(s, to_compute(grad), to_compute(input), to_compute(offset),
                             weight_by_tap(weight, type), masks);
  const auto input_type = input.scalar_type();
  return {result.input.to(input_type).contiguous(input.suggest_memory_format()),
          result.offset.to(input_type), result.weight.to(input_type),
          mask ? result.mask.to(input_type) : at::empty({0}, input.options())};
}

TORCH_LIBRARY_IMPL(lanner, CPU, m) {
  m.impl("deform_conv2d", deform_conv2d_cpu);
  m.impl("_deform_conv2d_backward", deform_conv2d_backward_cpu);
}

}  // namespace
}  // namespace lanner::ops
