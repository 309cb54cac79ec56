#pragma once

#include "lanner/ops/torch.h"

#include "lanner/datasets/loading/batch.h"
#include "lanner/detectors/rpn/options.h"

namespace lanner::detectors {

// Generates the anchors of all feature levels (Faster R-CNN, arXiv 1506.01497, section 3.1.1).
class AnchorGenerator {
 public:
  explicit AnchorGenerator(const AnchorOptions& options);

  // features: [N, channels, Hi, Wi] per level; padded: size of the batch in pixels. Returns [A, 4]:
  // x1, y1, x2, y2 in pixels of the batch, level by level, and within a level in the order y, x,
  // ratio, size. Strides are integers, padded size / feature size rounded down, as in torchvision:
  // 800 pixels over 13 rows give a stride of 61.
  at::Tensor operator()(const std::vector<at::Tensor>& features, datasets::ImageSize padded) const;

  // Anchors at each position of a feature map, the same for every level.
  int64_t anchors_per_position() const { return base_anchors_[0].size(0); }

 private:
  std::vector<at::Tensor> base_anchors_;  // per level: [ratios * sizes, 4], centered at the origin
};

}  // namespace lanner::detectors
