#pragma once

#include <torch/torch.h>

#include "lanner/datasets/batch.h"
#include "lanner/detectors/options.h"

namespace lanner::detectors {

// The anchors of all levels, [A, 4]: x1, y1, x2, y2 in the pixels of the padded image; level by
// level, within one in the order y, x, ratio, size. Strides are padded size // feature size, as in
// torchvision: 800 rows over 13 give 61.
class AnchorGenerator {
 public:
  explicit AnchorGenerator(const AnchorOptions& options);
  at::Tensor operator()(const std::vector<at::Tensor>& features, datasets::ImageSize padded) const;
  int64_t per_cell() const { return cells_[0].size(0); }

 private:
  std::vector<at::Tensor> cells_;  // a level: [ratios * sizes, 4] around the origin
};

}  // namespace lanner::detectors
