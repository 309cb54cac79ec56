#include "lanner/detectors/pretraining/patches.h"

namespace lanner::detectors {
namespace {

// An affine map of colours for each of P images: [P, 3, 3], to be multiplied from the right, and
// [P, 1, 3]. Grey and single channels are maps too, so that all of it is one pass.
struct ColourMap {
  at::Tensor matrix, shift;
};

ColourMap draw_colours(int64_t count, const PatchOptions& o, const at::TensorOptions& like) {
  const auto draw = [&] { return torch::rand({count, 1, 1}, like); };
  auto matrix = torch::eye(3, like).expand({count, 3, 3});
  const auto replace = [&](double probability, const at::Tensor& other) {
    if (probability > 0) matrix = torch::where(draw() < probability, other, matrix);
  };
  replace(o.grey, torch::full({3, 3}, 1. / 3, like));
  if (o.one_channel > 0) {
    const auto kept = torch::randint(3, {count}, like.dtype(torch::kLong));
    const auto one = torch::one_hot(kept, 3).to(like.dtype()).unsqueeze(2);  // [P, 3, 1]
    replace(o.one_channel, one.expand({count, 3, 3}));
  }
  // Each channel on its own: what is common to all of them a norm over channels would undo.
  const auto draw_channels = [&] { return 2 * torch::rand({count, 1, 3}, like) - 1; };
  return {matrix * (1 + o.contrast * draw_channels()), o.brightness * draw_channels()};
}

// rgb: [P, pixels, 3].
at::Tensor mapped(const at::Tensor& rgb, const ColourMap& map) {
  return torch::baddbmm(map.shift.to(rgb.dtype()), rgb, map.matrix.to(rgb.dtype()));
}

// Where each of `size` pixels along an axis is taken from, in a patch of which a part of `part`
// pixels from `begin` ([P]) on is kept, in the middle: [P, size]; the second says which are kept.
std::pair<at::Tensor, at::Tensor> axis(const at::Tensor& begin, int64_t size, int64_t part) {
  const int64_t before = (size - part) / 2;
  const auto place = torch::arange(size, begin.options());
  const auto kept = torch::logical_and(place >= before, place < before + part);
  return {(begin.unsqueeze(1) + place - before).clamp(0, size - 1), kept};
}

}  // namespace

at::Tensor cut_patches(const at::Tensor& images, const PatchOptions& o) {
  return images.unfold(2, o.size, o.stride)
      .unfold(3, o.size, o.stride)  // [N, 3, R, C, size, size]
      .permute({0, 2, 3, 1, 4, 5})
      .reshape({-1, images.size(1), o.size, o.size})
      .contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor augmented_patches(const at::Tensor& images, const PatchOptions& o) {
  const int64_t N = images.size(0), H = images.size(2), W = images.size(3);
  const int64_t R = o.rows(static_cast<int>(H)), C = o.rows(static_cast<int>(W)), P = N * R * C;
  const auto part = std::max<int64_t>(1, std::lround(o.crop * o.size));
  const auto index = images.options().dtype(torch::kLong);
  const auto [y, y_kept] = axis(torch::randint(o.size - part + 1, {P}, index), o.size, part);
  auto [x, x_kept] = axis(torch::randint(o.size - part + 1, {P}, index), o.size, part);
  if (o.flip > 0) x = torch::where(torch::rand({P, 1}, images.options()) < o.flip, x.flip({1}), x);
  // The first pixel of each patch in a list of all pixels.
  const auto corner = (torch::arange(N, index).view({N, 1, 1}) * (H * W) +
                       torch::arange(R, index).view({1, R, 1}) * (o.stride * W) +
                       torch::arange(C, index).view({1, 1, C}) * o.stride)
                          .reshape({P, 1, 1});
  const auto pixels = (corner + y.unsqueeze(2) * W + x.unsqueeze(1)).reshape({-1});
  auto rgb = images.permute({0, 2, 3, 1})
                 .reshape({-1, 3})
                 .index_select(0, pixels)
                 .view({P, o.size * int64_t{o.size}, 3});
  rgb = mapped(rgb, draw_colours(P, o, images.options()));
  auto out = rgb.view({P, o.size, o.size, 3});
  if (part < o.size)
    out *= (y_kept.unsqueeze(1) * x_kept).to(out.dtype()).unsqueeze(2);  // the same for all
  return out.permute({0, 3, 1, 2});
}

at::Tensor with_other_colours(const at::Tensor& images, const PatchOptions& o) {
  const auto rgb = images.permute({0, 2, 3, 1}).flatten(1, 2);
  return mapped(rgb, draw_colours(images.size(0), o, images.options()))
      .view({images.size(0), images.size(2), images.size(3), 3})
      .permute({0, 3, 1, 2});
}

}  // namespace lanner::detectors
