#pragma once

#include "lanner/ops/torch.h"

#include "lanner/detectors/diffusion/options.h"
#include "lanner/ops/api.h"

namespace lanner::detectors {

// The sum, over M pairs, of what boxes cost that are to become objects: L1 of the corners, and 2 of
// 1 - generalized IoU (arXiv 1902.09630). L1 is in sides of the image, and weighs 5 (DiffusionDet,
// arXiv 2211.09788), or in sides of each object (at least a pixel), and weighs 4. boxes, objects:
// [M, 4], x1, y1, x2, y2 in pixels; images: [M, 4], width, height, width, height of the image of
// each. Returns a scalar with gradients.
LANNER_API at::Tensor box_loss(const at::Tensor& boxes, const at::Tensor& objects,
                               const at::Tensor& images, L1Unit unit);

}  // namespace lanner::detectors
