#include "lanner/detectors/pretraining/patches.h"

namespace lanner::detectors {

at::Tensor patch_grid(const at::Tensor& images, int64_t size, int64_t stride) {
  return images.unfold(2, size, stride)
      .unfold(3, size, stride)  // [N, 3, R, C, size, size]
      .permute({0, 2, 3, 1, 4, 5})
      .reshape({-1, images.size(1), size, size})
      .contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor jitter_patches(const at::Tensor& patches) {
  const auto draw = [&] { return torch::rand({patches.size(0), 1, 1, 1}, patches.options()); };
  const auto contrast = 0.7 + 0.6 * draw(), brightness = 0.6 * (draw() - 0.5);
  const auto grey = (draw() < 0.25).to(patches.dtype());
  const auto mean = patches.mean(1, /*keepdim=*/true);
  return (patches + grey * (mean - patches)) * contrast + brightness;
}

}  // namespace lanner::detectors
