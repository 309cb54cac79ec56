#include "lanner/detectors/pretraining/patches.h"

namespace lanner::detectors {
namespace {

// An affine color transform for each of P images, applied to rows of RGB values: rgb * matrix +
// shift. Grayscale and single channels are such transforms, so that one pass applies everything.
struct ColorTransform {
  at::Tensor matrix;  // [P, 3, 3]
  at::Tensor shift;   // [P, 1, 3]
};

ColorTransform sample_colors(int64_t count, const PatchOptions& o, const at::TensorOptions& like) {
  const auto sample = [&] { return torch::rand({count, 1, 1}, like); };
  auto matrix = torch::eye(3, like).expand({count, 3, 3});
  const auto replace = [&](double probability, const at::Tensor& other) {
    if (probability > 0) matrix = torch::where(sample() < probability, other, matrix);
  };
  replace(o.gray, torch::full({3, 3}, 1. / 3, like));
  if (o.one_channel > 0) {
    const auto channel = torch::randint(3, {count}, like.dtype(torch::kLong));
    const auto selector = torch::one_hot(channel, 3).to(like.dtype()).unsqueeze(2);  // [P, 3, 1]
    replace(o.one_channel, selector.expand({count, 3, 3}));
  }
  // Per channel, because a norm over all channels would undo a change common to them.
  const auto sample_channels = [&] { return 2 * torch::rand({count, 1, 3}, like) - 1; };
  return {matrix * (1 + o.contrast * sample_channels()), o.brightness * sample_channels()};
}

// rgb: [P, pixels, 3].
at::Tensor transform_colors(const at::Tensor& rgb, const ColorTransform& transform) {
  return torch::baddbmm(transform.shift.to(rgb.dtype()), rgb, transform.matrix.to(rgb.dtype()));
}

// Along one axis of P patches, moves the `crop_size` pixels from `begin` ([P]) on to the center.
// Returns the source pixel of each output pixel, [P, size], and whether an output pixel is in the
// crop, [size].
std::pair<at::Tensor, at::Tensor> center_crop(const at::Tensor& begin, int64_t size,
                                              int64_t crop_size) {
  const int64_t margin = (size - crop_size) / 2;
  const auto output = torch::arange(size, begin.options());
  const auto in_crop = torch::logical_and(output >= margin, output < margin + crop_size);
  return {(begin.unsqueeze(1) + output - margin).clamp(0, size - 1), in_crop};
}

}  // namespace

at::Tensor extract_patches(const at::Tensor& images, const PatchOptions& o) {
  return images.unfold(2, o.size, o.stride)
      .unfold(3, o.size, o.stride)  // [N, 3, R, C, size, size]
      .permute({0, 2, 3, 1, 4, 5})
      .reshape({-1, images.size(1), o.size, o.size})
      .contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor augment_patches(const at::Tensor& images, const PatchOptions& o) {
  const int64_t N = images.size(0), H = images.size(2), W = images.size(3);
  const int64_t R = o.rows(static_cast<int>(H)), C = o.rows(static_cast<int>(W)), P = N * R * C;
  const auto crop_size = std::max<int64_t>(1, std::lround(o.crop * o.size));
  const auto index = images.options().dtype(torch::kLong);
  const auto begin = [&] { return torch::randint(o.size - crop_size + 1, {P}, index); };
  const auto [y, y_in_crop] = center_crop(begin(), o.size, crop_size);
  auto [x, x_in_crop] = center_crop(begin(), o.size, crop_size);
  x_in_crop = x_in_crop.unsqueeze(0);  // [1, size], or [P, size] with flips
  if (o.flip > 0) {
    const auto flipped = torch::rand({P, 1}, images.options()) < o.flip;
    x = torch::where(flipped, x.flip({1}), x);
    x_in_crop = torch::where(flipped, x_in_crop.flip({1}), x_in_crop);
  }
  // Indices of the top left pixels of the patches among all pixels of the batch.
  const auto corner = (torch::arange(N, index).view({N, 1, 1}) * (H * W) +
                       torch::arange(R, index).view({1, R, 1}) * (o.stride * W) +
                       torch::arange(C, index).view({1, 1, C}) * o.stride)
                          .reshape({P, 1, 1});
  const auto pixels = (corner + y.unsqueeze(2) * W + x.unsqueeze(1)).reshape({-1});
  auto rgb = images.permute({0, 2, 3, 1})
                 .reshape({-1, 3})
                 .index_select(0, pixels)
                 .view({P, o.size * int64_t{o.size}, 3});
  rgb = transform_colors(rgb, sample_colors(P, o, images.options()));
  auto out = rgb.view({P, o.size, o.size, 3});
  if (crop_size < o.size)
    out *= (y_in_crop.unsqueeze(1) * x_in_crop.unsqueeze(1)).to(out.dtype()).unsqueeze(3);
  return out.permute({0, 3, 1, 2});
}

at::Tensor augment_colors(const at::Tensor& images, const PatchOptions& o) {
  const auto rgb = images.permute({0, 2, 3, 1}).flatten(1, 2);
  return transform_colors(rgb, sample_colors(images.size(0), o, images.options()))
      .view({images.size(0), images.size(2), images.size(3), 3})
      .permute({0, 3, 1, 2});
}

}  // namespace lanner::detectors
