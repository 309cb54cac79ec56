#pragma once

#include <ATen/ATen.h>

#include <cmath>

namespace lanner::tests {

struct NaiveRoiAlign {
  double spatial_scale;
  int64_t height, width, sampling_ratio;
  bool aligned;

  // The definition of RoIAlign in double precision, evaluated sample by sample.
  at::Tensor operator()(const at::Tensor& input, const at::Tensor& rois) const {
    const auto in = input.to(at::kDouble), boxes = rois.to(at::kDouble);
    const int64_t H = in.size(2), W = in.size(3);
    auto out = at::zeros({rois.size(0), in.size(1), height, width}, at::kDouble);
    const double offset = aligned ? 0.5 : 0;
    for (int64_t k = 0; k < rois.size(0); ++k) {
      const auto image = in[boxes[k][0].item<int64_t>()];
      const auto side = [&](int i) { return boxes[k][i].item<double>() * spatial_scale - offset; };
      double w = side(3) - side(1), h = side(4) - side(2);
      if (!aligned) w = std::max(w, 1.), h = std::max(h, 1.);
      const int64_t nx =
          sampling_ratio > 0 ? sampling_ratio : static_cast<int64_t>(std::ceil(w / double(width)));
      const int64_t ny =
          sampling_ratio > 0 ? sampling_ratio : static_cast<int64_t>(std::ceil(h / double(height)));
      for (int64_t i = 0; i < height; ++i)
        for (int64_t j = 0; j < width; ++j) {
          auto sum = at::zeros({in.size(1)}, at::kDouble);
          for (int64_t iy = 0; iy < ny; ++iy)
            for (int64_t ix = 0; ix < nx; ++ix) {
              double y =
                  side(2) + h / double(height) * (double(i) + (double(iy) + .5) / double(ny));
              double x = side(1) + w / double(width) * (double(j) + (double(ix) + .5) / double(nx));
              if (y < -1 || y > double(H) || x < -1 || x > double(W)) continue;
              y = std::clamp(y, 0., double(H - 1)), x = std::clamp(x, 0., double(W - 1));
              const auto y0 = static_cast<int64_t>(y), x0 = static_cast<int64_t>(x);
              const int64_t y1 = std::min(y0 + 1, H - 1), x1 = std::min(x0 + 1, W - 1);
              const double fy = y - double(y0), fx = x - double(x0);
              const auto at = [&](int64_t row, int64_t column) {
                return image.select(1, row).select(1, column);
              };
              sum += (1 - fy) * ((1 - fx) * at(y0, x0) + fx * at(y0, x1)) +
                     fy * ((1 - fx) * at(y1, x0) + fx * at(y1, x1));
            }
          out[k].select(1, i).select(1, j).copy_(sum / double(std::max<int64_t>(nx * ny, 1)));
        }
    }
    return out;
  }
};

// Random RoIs [count, 5]: batch index, x1, y1, x2, y2. Some reach outside 0..extent.
inline at::Tensor random_rois(int64_t count, int64_t batch, double extent) {
  const auto corner = at::rand({count, 2}, at::kDouble) * extent - 0.1 * extent;
  // some have a negative size
  const auto size = at::rand({count, 2}, at::kDouble) * extent * 0.7 - 1;
  return at::cat({at::randint(batch, {count, 1}, at::kDouble), corner, corner + size}, 1);
}

}  // namespace lanner::tests
